package main

import (
	"fmt"
	"os"

	"golang.org/x/term"
)

// colorMode is the value of --color.
type colorMode string

// The values of --color; the zero value means auto.
const (
	colorAuto   colorMode = "auto"
	colorAlways colorMode = "always"
	colorNever  colorMode = "never"
)

// String returns the mode.
func (c *colorMode) String() string {
	if *c == "" {
		return string(colorAuto)
	}
	return string(*c)
}

// Set reads the mode.
func (c *colorMode) Set(s string) error {
	switch colorMode(s) {
	case colorAuto, colorAlways, colorNever:
		*c = colorMode(s)
		return nil
	}
	return fmt.Errorf("%q is none of auto, always, never", s)
}

// Type names the value in help texts.
func (c *colorMode) Type() string { return "when" }

// useColor decides whether output to w is coloured (https://no-color.org).
func (a *app) useColor(w any) bool {
	switch a.color {
	case colorAlways:
		return true
	case colorNever:
		return false
	}
	return a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb" && a.isTerminal(w)
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width returns the columns of the terminal w, 0 when it is none.
func (a *app) width(w any) int {
	if f, ok := w.(*os.File); ok && a.isTerminal(w) {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 0
}
