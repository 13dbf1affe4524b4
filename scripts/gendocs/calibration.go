package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"firestorm/internal/finding"
)

// results is docs/calibration.tsv: what test/calibration found in every capture and every variant of it.
type results struct {
	variants []string // the first one is the capture without damage
	inputs   []input
	accounts map[trial]string // gates that the report names for the capture
	found    []found
	truths   []truth // what captures show beside what they were made for
}

type truth struct{ capture, code, why string }

type input struct {
	capture, name string
	seconds       int
}

type trial struct{ capture, input, variant string }

type found struct {
	trial
	code, confidence string
	findings         int
	gates            string
	right            bool
}

func readResults(file string) (*results, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w; run: make docs", err)
	}
	r := &results{accounts: map[trial]string{}}
	for n, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		f := strings.Split(line, "\t")
		want := map[string]int{"variant": 2, "input": 4, "account": 5, "found": 10, "true": 4}[f[0]]
		if strings.HasPrefix(line, "#") {
			continue
		}
		if want == 0 || len(f) != want {
			return nil, fmt.Errorf("%s:%d: not a line of results; run: make docs", file, n+1)
		}
		switch f[0] {
		case "variant":
			r.variants = append(r.variants, f[1])
		case "true":
			r.truths = append(r.truths, truth{f[1], f[2], f[3]})
		case "input":
			s, err := strconv.Atoi(f[3])
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, n+1, err)
			}
			r.inputs = append(r.inputs, input{f[1], f[2], s})
		case "account":
			r.accounts[trial{f[1], f[2], f[3]}] = f[4]
		case "found":
			k, err := strconv.Atoi(f[6])
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, n+1, err)
			}
			r.found = append(r.found, found{trial{f[1], f[2], f[3]}, f[4], f[5], k, f[8], f[9] == "right"})
		}
	}
	if len(r.variants) == 0 {
		return nil, fmt.Errorf("%s: no variants; run: make docs", file)
	}
	return r, nil
}

// words of confidence, the surest first, as the results write them.
var words = []string{finding.Certain.String(), finding.Likely.String(), finding.Possible.String(), finding.CannotTell.String()}

// score is how often a word was right.
type score struct{ right, said int }

func (s score) String() string {
	if s.said == 0 {
		return "never said"
	}
	return fmt.Sprintf("%d of %d (%s %%)", s.right, s.said, strings.TrimSuffix(fmt.Sprintf("%.1f", 100*float64(s.right)/float64(s.said)), ".0"))
}

// scores counts findings by word; code and variant "" mean all.
func (r *results) score(word, code, variant string) (s score) {
	for _, f := range r.found {
		if f.confidence == word && (code == "" || f.code == code) && (variant == "" || f.variant == variant) {
			s.said += f.findings
			if f.right {
				s.right += f.findings
			}
		}
	}
	return s
}

// calibrated is a code's cell: how often each word that may be acted on was right.
func (r *results) calibrated(code string) string {
	var out []string
	for _, w := range words[:2] {
		if s := r.score(w, code, ""); s.said > 0 {
			out = append(out, fmt.Sprintf("%s %d/%d", w, s.right, s.said))
		}
	}
	if len(out) == 0 {
		return "never surer than possible"
	}
	return strings.Join(out, ", ")
}

// positives are the captures of which a code is true: made for it, then others.
func (r *results) positives(code string, cl claims) []string {
	out := slices.Clone(cl[code]["positive"])
	for _, t := range r.truths {
		if t.code == code && !slices.Contains(out, t.capture) {
			out = append(out, t.capture)
		}
	}
	return out
}

// became says what a code's positives are in a variant: those places of capture that show it undamaged are counted by
// the best that is said of it there. silent lists places where nothing is said, and nothing says why.
func (r *results) became(code, variant string, positive []string) (cell string, silent []string) {
	counts := map[string]int{}
	var order []string
	for _, in := range r.inputs {
		if !slices.Contains(positive, in.capture) || r.best(code, trial{in.capture, in.name, r.variants[0]}) == nil {
			continue
		}
		at := trial{in.capture, in.name, variant}
		what := ""
		switch f := r.best(code, at); {
		case f == nil && r.accounts[at] != "":
			what = "silent, " + r.accounts[at] + " named"
		case f == nil:
			what = "silent"
			silent = append(silent, in.capture+" "+in.name+r.instead(at))
		case f.gates != "-":
			what = f.confidence + " (" + f.gates + ")"
		default:
			what = f.confidence
		}
		if counts[what] == 0 {
			order = append(order, what)
		}
		counts[what]++
	}
	rank := func(s string) int {
		n := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(s, w) })
		if n < 0 {
			return len(words)
		}
		return n
	}
	slices.SortFunc(order, func(a, b string) int {
		if x := rank(a) - rank(b); x != 0 {
			return x
		}
		return strings.Compare(a, b)
	})
	var out []string
	for _, o := range order {
		out = append(out, fmt.Sprintf("%s: %d", strings.Replace(o, "cannot-tell", "cannot tell", 1), counts[o]))
	}
	return strings.Join(out, "<br>"), silent
}

// instead says what is found where a positive is silent.
func (r *results) instead(at trial) string {
	var out []string
	for _, f := range r.found {
		if f.trial == at {
			out = append(out, f.code+" "+strings.Replace(f.confidence, "-", " ", 1))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (said instead: " + strings.Join(out, ", ") + ")"
}

// best is the surest finding of a code in a run, nil when there is none.
func (r *results) best(code string, at trial) *found {
	var best *found
	for i := range r.found {
		f := &r.found[i]
		if f.trial == at && f.code == code && (best == nil || slices.Index(words, f.confidence) < slices.Index(words, best.confidence)) {
			best = f
		}
	}
	return best
}

// calibration writes the sections that come of the results.
func calibration(b *bytes.Buffer, r *results, codes []*finding.Code, cl claims) error {
	b.WriteString(`
## Damaged captures

What becomes of each code's positives when the capture is worse than it should be. Counted are the places of capture,
each alone and two together, that show the code in the capture as it is, by the surest that is said of it there. A gate
in brackets is what the finding names as the reason why it is not surer; *silent, gate named*: no such finding, and the
report says of the whole capture what it could not show. Plain *silent* is explained below the table.

`)
	damaged := r.variants[1:]
	fmt.Fprintf(b, "| code | %s |\n|---|%s\n", strings.Join(r.variants, " | "), strings.Repeat("---|", len(r.variants)))
	type quiet struct {
		code, variant string
		where         []string
	}
	var quiets []quiet
	var empty []string
	for _, c := range codes {
		fmt.Fprintf(b, "| %s |", c.ID)
		for _, v := range r.variants {
			cell, silent := r.became(c.ID, v, r.positives(c.ID, cl))
			if cell == "" {
				cell = "no positive"
			}
			fmt.Fprintf(b, " %s |", cell)
			if len(silent) > 0 {
				quiets = append(quiets, quiet{c.ID, v, silent})
			}
		}
		b.WriteByte('\n')
	}
	if len(quiets) > 0 {
		b.WriteString("\nSilent without a gate:\n\n")
		for _, q := range quiets {
			why := quietReason(q.code, q.variant)
			if why == "" {
				empty = append(empty, q.code+" "+q.variant)
			}
			fmt.Fprintf(b, "- %s, %s: %s. %s.\n", q.code, q.variant, strings.Join(q.where, ", "), why)
		}
	}
	runs := len(r.inputs) * len(r.variants)
	fmt.Fprintf(b, `
## Calibration

How often each word was right: all captures of `+"`testdata/captures`"+`, every place of capture alone and two places together
(%d inputs), as they are and in %d variants: %d runs of the whole program with every detector. A finding is right when
its code is true of the capture: what the capture was made to show, what else a reading of its frames found to be true
(`+"`test/calibration/truth_test.go`"+`, each with its reason), and for doubled captures that they are doubled. The law that the
test holds: *certain* is always right, *likely* 19 times of 20.

| confidence | captures as they are | with all variants |
|---|---|---|
`, len(r.inputs), len(damaged), runs)
	for _, w := range words {
		fmt.Fprintf(b, "| %s | %s | %s |\n", strings.Replace(w, "-", " ", 1), r.score(w, "", r.variants[0]), r.score(w, "", ""))
	}
	easy := score{}
	for _, v := range damaged {
		if v == "doubled" {
			easy = r.score(words[0], "duplicate-on-wire", v)
		}
	}
	if all := r.score(words[0], "", ""); easy.said > 0 {
		fmt.Fprintf(b, "\nSaying that a doubled capture is doubled is easy and counts for %d of the certain ones; without it: %s.\n", easy.said, score{all.right - easy.right, all.said - easy.said})
	}
	b.WriteString("\nAlso true, beside what the captures were made to show:\n\n")
	for _, t := range r.truths {
		fmt.Fprintf(b, "- %s of %s: %s.\n", t.code, t.capture, t.why)
	}
	r.wrong(b)
	r.baseline(b, cl)
	if len(empty) > 0 {
		return fmt.Errorf("silent without a gate and without a reason (scripts/gendocs/reasons.go): %s", strings.Join(empty, "; "))
	}
	return nil
}

// wrong lists what was claimed and is not so.
func (r *results) wrong(b *bytes.Buffer) {
	var lines []string
	for _, w := range words[:2] {
		for _, f := range r.found {
			if f.confidence == w && !f.right {
				lines = append(lines, fmt.Sprintf("- %s, %s: %s %s, %s\n", f.code, w, f.capture, f.input, f.variant))
			}
		}
	}
	if len(lines) == 0 {
		b.WriteString("\nNothing was claimed at likely or above that is not so.\n")
		return
	}
	b.WriteString("\nClaimed and not so:\n\n")
	for _, l := range lines {
		b.WriteString(l)
	}
}

// baseline says how much healthy traffic was looked at in vain.
func (r *results) baseline(b *bytes.Buffer, cl claims) {
	clean := cl["all"]["clean"]
	span := map[string]int{}
	seen := 0
	for _, in := range r.inputs {
		if slices.Contains(clean, in.capture) && !strings.Contains(in.name, "+") {
			span[in.capture] = max(span[in.capture], in.seconds)
			seen += in.seconds
		}
	}
	total := 0
	for _, s := range span {
		total += s
	}
	bad := 0
	for _, f := range r.found {
		if slices.Contains(clean, f.capture) && !f.right && (f.confidence == words[0] || f.confidence == words[1]) {
			bad += f.findings
		}
	}
	fmt.Fprintf(b, "\nHealthy traffic: %.1f minutes in %d captures (%s), of which some were taken at two places: %.1f minutes of capture, looked at in %d variants. Findings at likely or above that are not true there: %d.\n",
		float64(total)/60, len(clean), cell(clean), float64(seen)/60, len(r.variants), bad)
}

// gatesNamed lists the gates that damaged positives of a code ran into.
func (r *results) gatesNamed(c *finding.Code, positive []string) string {
	var out []string
	for _, in := range r.inputs {
		if !slices.Contains(positive, in.capture) || r.best(c.ID, trial{in.capture, in.name, r.variants[0]}) == nil {
			continue
		}
		for _, v := range r.variants[1:] {
			at := trial{in.capture, in.name, v}
			gates := r.accounts[at]
			if f := r.best(c.ID, at); f != nil {
				gates = f.gates
			}
			if gates != "" && gates != "-" {
				out = append(out, strings.Split(gates, ",")...)
			}
		}
	}
	if len(out) == 0 && len(c.Needs) == 0 {
		return "needs none"
	}
	if len(out) == 0 {
		return "held by none of the variants"
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}
