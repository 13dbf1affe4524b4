package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"firestorm/internal/event"
)

// Exit statuses. They are an interface: scripts depend on them.
const (
	exitOK          = 0   // nothing at or above --fail-on
	exitFindings    = 1   // findings at or above --fail-on
	exitUsage       = 2   // wrong use or configuration
	exitDamaged     = 3   // input damaged or partly unread; what was read is reported
	exitPermission  = 4   // a permission or capability is missing
	exitEngine      = 5   // store, rules or engine failure
	exitInterrupted = 130 // stopped by a signal after everything was written
)

// exitMeanings says what each exit status means, for help and man pages.
var exitMeanings = []struct {
	code int
	text string
}{
	{exitOK, "nothing at or above --fail-on"},
	{exitFindings, "findings at or above --fail-on"},
	{exitUsage, "wrong use or configuration"},
	{exitDamaged, "input damaged or partly unread; what was read is reported"},
	{exitPermission, "a permission is missing"},
	{exitEngine, "engine or output failed"},
	{exitInterrupted, "interrupted, after everything was written"},
}

// exitHelp is the list of exit statuses as help prints it.
func exitHelp() string {
	return exitHelpOf(exitMeanings[0].text, exitMeanings[1].text, exitMeanings[3].text)
}

// exitHelpOf is the same for a verb that has other words for what 0, 1 and 3 mean; a status without words is left out.
func exitHelpOf(ok, findings, damaged string) string {
	s := "Exit status:"
	for _, m := range exitMeanings {
		switch m.code {
		case exitOK:
			m.text = ok
		case exitFindings:
			m.text = findings
		case exitDamaged:
			m.text = damaged
		}
		if m.text != "" {
			s += fmt.Sprintf("\n  %-4d %s", m.code, m.text)
		}
	}
	return s
}

// lintExit are the statuses of the lints without --fail-on.
func lintExit() string {
	return exitHelpOf("nothing wrong, and no warning", "something is wrong, or a warning", "the input cannot be read, or there is nothing of the kind in it")
}

// failure is an error as a person reads it: what failed, why, and what to try.
type failure struct {
	code int
	what string
	why  string // may be empty
	try  string // a command or setting; may be empty
	err  error  // cause for errors.Is; may be nil
}

// Error writes the failure on one line.
func (f *failure) Error() string {
	s := f.what
	if f.why != "" {
		s += ": " + f.why
	}
	return s
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

// status is an exit status that needs no words: the report has said it all.
type status int

// Error is only seen when a status is printed by mistake.
func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func usagef(try, format string, args ...any) error {
	return &failure{code: exitUsage, what: fmt.Sprintf(format, args...), try: try}
}

// finish prints err, if it is one to print, and turns it into an exit status.
func (a *app) finish(err error) int {
	if err == nil {
		return exitOK
	}
	var s status
	if errors.As(err, &s) {
		return int(s)
	}
	var f *failure
	if !errors.As(err, &f) {
		// What cobra and pflag find wrong is wrong use.
		f = &failure{code: exitUsage, what: err.Error(), try: "firestorm --help"}
	}
	fmt.Fprintf(a.stderr, "firestorm: %s\n", printable(f.what))
	if f.why != "" {
		fmt.Fprintf(a.stderr, "  why   %s\n", printable(f.why))
	}
	if f.try != "" {
		for i, line := range strings.Split(f.try, "\n") {
			lead := "        "
			if i == 0 {
				lead = "  try   "
			}
			fmt.Fprintf(a.stderr, "%s%s\n", lead, printable(line))
		}
	}
	return f.code
}

// printable makes one line of s and replaces what could steer a terminal, or pretend to be another line: file names and file
// contents reach error texts.
func printable(s string) string {
	s = strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "; ") // errors that were joined
	return strings.Map(func(r rune) rune {
		if event.Unprintable(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}
