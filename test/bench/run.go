//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cost is what one run of a program took.
type cost struct {
	cpu  float64 // user and system, seconds
	wall float64 // seconds
	peak float64 // most memory, MB of 2^20 bytes
	hash string  // of standard output
}

// measure runs a command once. An exit status of 1 to 3 is a verdict of firestorm, not a failure to run.
func measure(args ...string) (cost, error) {
	var out bytes.Buffer
	c := exec.Command(args[0], args[1:]...)
	c.Stdout = &out
	begin := time.Now()
	err := c.Run()
	wall := time.Since(begin)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() >= 1 && exit.ExitCode() <= 3) {
		return cost{}, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	s := c.ProcessState
	x := cost{cpu: (s.UserTime() + s.SystemTime()).Seconds(), wall: wall.Seconds()}
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		x.peak = float64(u.Maxrss) / 1024
	}
	h := sha256.Sum256(out.Bytes())
	x.hash = hex.EncodeToString(h[:8])
	return x, nil
}

// alternate runs several commands in turn, b.runs times, so that a busy moment of the machine meets all of them.
func (b *bench) alternate(commands ...[]string) ([][]cost, error) {
	all := make([][]cost, len(commands))
	for range b.runs {
		for i, c := range commands {
			x, err := measure(c...)
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], x)
		}
	}
	return all, nil
}

func pick(cs []cost, f func(cost) float64) (best, median float64) {
	v := make([]float64, len(cs))
	for i, c := range cs {
		v[i] = f(c)
	}
	slices.Sort(v)
	return v[0], v[len(v)/2]
}

func cpu(c cost) float64  { return c.cpu }
func wall(c cost) float64 { return c.wall }
func peak(c cost) float64 { return c.peak }

// build makes the programs that are measured.
func (b *bench) build() error {
	b.bin = filepath.Join(b.dir, "firestorm")
	for _, x := range [][2]string{{b.bin, "./cmd/firestorm"}, {filepath.Join(b.dir, "mix"), "./testbed/mix"}} {
		c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", x[0], x[1])
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", x[1], err, text)
		}
	}
	st, err := os.Stat(b.bin)
	if err != nil {
		return err
	}
	b.gate("size of the program", float64(st.Size())/1e6, "MB", "<= 30", "static, stripped", "go build -trimpath -ldflags '-s -w' ./cmd/firestorm")
	return nil
}

// describeFile fills in size and hash of an input.
func describeFile(in *input, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	in.Bytes, err = io.Copy(h, f)
	in.SHA256 = hex.EncodeToString(h.Sum(nil))
	return err
}

// generate makes a capture with testbed/mix unless an earlier run left it.
func (b *bench) generate(name string, args ...string) (string, input, error) {
	path := filepath.Join(b.dir, name)
	in := input{Name: name, Made: "go run ./testbed/mix " + strings.Join(args, " ") + " -o " + name}
	mark := path + ".made"
	if text, err := os.ReadFile(mark); err != nil || string(text) != in.Made {
		c := exec.Command(filepath.Join(b.dir, "mix"), append(args, "-o", path)...)
		if text, err := c.CombinedOutput(); err != nil {
			return "", in, fmt.Errorf("mix: %w\n%s", err, text)
		}
		if err := os.WriteFile(mark, []byte(in.Made), 0o644); err != nil {
			return "", in, err
		}
	}
	err := describeFile(&in, path)
	return path, in, err
}
