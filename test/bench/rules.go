//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
)

// withRules measures what the rules of FIRESTORM_RULES add to a run over a capture, in turn with a run without them, and
// with ndpiReader where it is installed: a program that names protocols and does nothing else.
func (b *bench) withRules(path, name string) error {
	set := os.Getenv("FIRESTORM_RULES")
	if set == "" {
		b.res.Notes = append(b.res.Notes, name+": rules were left out: FIRESTORM_RULES names no file of rules")
		return nil
	}
	runs := [][]string{b.read(path, "--workers", "1"), b.read(path, "--workers", "1", "--rules", set)}
	if _, err := exec.LookPath("ndpiReader"); err == nil {
		runs = append(runs, []string{"ndpiReader", "-q", "-i", path})
	}
	xs, err := b.alternate(runs...)
	if err != nil {
		return err
	}
	_, without := pick(xs[0], cpu)
	best, with := pick(xs[1], cpu)
	_, most := pick(xs[1], peak)
	detail := fmt.Sprintf("median %.2f s against %.2f s, best with rules %.2f s, at most %.0f MB", with, without, best, most)
	if len(xs) > 2 {
		_, ndpi := pick(xs[2], cpu)
		detail += fmt.Sprintf("; ndpiReader %.2f s", ndpi)
	}
	b.gate(name+": what rules add, processor time", with-without, "s", "<= 2", detail, "firestorm read --workers 1 --rules FIRESTORM_RULES FILE")
	return nil
}
