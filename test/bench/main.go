//go:build linux

// Command bench measures Firestorm against the tools and bounds it must keep up with, everything in one run on one
// machine: absolute numbers of different machines or hours do not compare, ratios of one run do. It prints a table and
// writes it with all that is needed to repeat it to a file. docs/performance.md says what the numbers mean.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// row is one gate: a measured value and its bound.
type row struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Bound   string  `json:"bound"` // ">= 3" or "<= 450"
	Met     bool    `json:"met"`
	Detail  string  `json:"detail"`
	Command string  `json:"command"`
}

// result is the whole run, as written to the file.
type result struct {
	Date    string   `json:"date"`
	Machine string   `json:"machine"`
	Go      string   `json:"go"`
	Commit  string   `json:"commit"`
	Load    string   `json:"load_before"`
	Inputs  []input  `json:"inputs"`
	Rows    []row    `json:"rows"`
	Notes   []string `json:"notes"`
}

// input is a capture that was measured.
type input struct {
	Name   string `json:"name"`
	Made   string `json:"made"` // command or rule that makes it again
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Report string `json:"report_sha256"` // of what firestorm read prints
}

type bench struct {
	runs  int
	dir   string
	bin   string
	res   result
	quick bool
}

func main() {
	b := bench{}
	out := flag.String("o", "test/bench/results.json", "file for the result")
	flag.IntVar(&b.runs, "runs", 5, "measurements of each command")
	flag.StringVar(&b.dir, "dir", filepath.Join(os.TempDir(), "firestorm-bench"), "folder for captures and programs; kept for the next run")
	flag.BoolVar(&b.quick, "quick", false, "leave out the capture with a million connections and the Go benchmarks")
	dir := flag.String("concatenate", "", "only put the captures of this folder together, into the file of -o")
	flag.Parse()
	if *dir != "" {
		if err := concatenate(*dir, *out); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := b.run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(out string) error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	b.describe()
	if err := b.build(); err != nil {
		return err
	}
	if !b.quick {
		if err := b.gobench(); err != nil {
			return err
		}
	}
	if err := b.mix(); err != nil {
		return err
	}
	if err := b.real(); err != nil {
		return err
	}
	if err := b.small(); err != nil {
		return err
	}
	if !b.quick {
		if err := b.held(); err != nil {
			return err
		}
	}
	for _, n := range b.res.Notes {
		fmt.Println("note:", n)
	}
	js, err := json.MarshalIndent(b.res, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(js, '\n'), 0o644)
}

// describe names the machine, without what would identify it.
func (b *bench) describe() {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for _, l := range strings.Split(string(text), "\n") {
			if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	b.res.Date = time.Now().UTC().Format("2006-01-02")
	b.res.Machine = fmt.Sprintf("%s, %d processors, %s/%s", model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	b.res.Go = runtime.Version()
	if c, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		b.res.Commit = strings.TrimSpace(string(c))
	}
	if l, err := os.ReadFile("/proc/loadavg"); err == nil {
		b.res.Load = strings.Join(strings.Fields(string(l))[:3], " ")
	}
	fmt.Printf("machine  %s, %s, load %s\ncommit   %s, %s\n", b.res.Machine, b.res.Go, b.res.Load, b.res.Commit, b.res.Date)
}

// gate prints and keeps a row. bound is ">= 3" or "<= 450".
func (b *bench) gate(name string, v float64, unit, bound, detail, command string) {
	var op string
	var limit float64
	if _, err := fmt.Sscanf(bound, "%s %g", &op, &limit); err != nil {
		panic(err)
	}
	met := v >= limit
	if op == "<=" {
		met = v <= limit
	}
	word := "met"
	if !met {
		word = "FALLS SHORT"
	}
	b.res.Rows = append(b.res.Rows, row{name, v, unit, bound, met, detail, command})
	fmt.Printf("%-44s %8.2f %-3s %-8s %-11s  %s\n", name, v, unit, bound, word, detail)
}
