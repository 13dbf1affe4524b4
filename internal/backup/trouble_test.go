//go:build linux

package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// large says how many files and rounds a trial has: few by default, many with FIRESTORM_LONG.
func large(files, rounds, manyFiles, manyRounds int) (int, int) {
	if os.Getenv("FIRESTORM_LONG") != "" {
		return manyFiles, manyRounds
	}
	return files, rounds
}

// snapshot copies the source, to compare with later.
func (p *place) snapshot() string {
	p.t.Helper()
	to := filepath.Join(p.t.TempDir(), "snapshot")
	if out, err := exec.Command("cp", "-a", p.src, to).CombinedOutput(); err != nil {
		p.t.Fatal(string(out))
	}
	return to
}

// rsyncsOf lists the processes of rsync that work for this place.
func (p *place) rsyncsOf() []int {
	var out []int
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range list {
		b, err := os.ReadFile(f)
		var pid int
		if _, serr := fmt.Sscanf(f, "/proc/%d/", &pid); err == nil && serr == nil && strings.HasPrefix(string(b), "rsync\x00") && strings.Contains(string(b), p.dest) {
			out = append(out, pid)
		}
	}
	return out
}

// gens are the folders of generations, whole or not.
func (p *place) gens() []string {
	l, _ := filepath.Glob(filepath.Join(p.dest, "gen-*"))
	return l
}

// reached waits until a run that began when there were so many generations has come to a stage: 0 it is there, 1 it
// has made its folder, 2 files arrive, 3 it is being marked.
func (p *place) reached(stage, before int, most time.Duration) {
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(time.Millisecond) {
		gens := p.gens()
		switch {
		case stage == 0 && len(p.rsyncsOf()) > 0:
			return
		case stage == 1 && len(gens) > before:
			return
		case stage == 2 && len(gens) > before:
			if in, _ := filepath.Glob(filepath.Join(gens[len(gens)-1], "tree", p.src, "d*")); len(in) > 3 {
				return
			}
		case stage == 3:
			if in, _ := filepath.Glob(filepath.Join(p.work, "run-*", "mark")); len(in) > 0 {
				return
			}
		}
	}
}

// Killed at any moment, the program or rsync: the last generation that counts restores byte for byte, the next run does
// its work, and nothing is left over.
func TestKilled(t *testing.T) {
	files, rounds := large(60, 2, 10_000, 24)
	newPlace(t).killed(files, rounds)
}

// The same with encrypted generations.
func TestKilledSealed(t *testing.T) {
	long(t)
	p := newPlace(t)
	r, ids, name := keys(t)
	p.seal, p.ids, p.sealName = r, ids, "\n"+name
	p.killed(10_000, 24)
}

// long skips what takes minutes.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("FIRESTORM_LONG") == "" {
		t.Skip("takes minutes: FIRESTORM_LONG=1 go test -timeout 60m ./internal/backup")
	}
}

func (p *place) killed(files, rounds int) {
	t := p.t
	p.fill(files)
	p.run()
	snap, good := p.snapshot(), p.newest()
	killed, finished, linked := 0, 0, false
	for i := range rounds {
		p.change(files/10, files)
		now := p.snapshot()
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), env+"="+p.src+"\n"+p.dest+"\n"+p.work+p.sealName)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		p.reached(i%4, len(p.gens()), 10*time.Second)
		time.Sleep(time.Duration(p.rnd.IntN(20+files/20)) * time.Millisecond)
		if i%2 == 0 {
			_ = c.Process.Kill()
		} else {
			for _, pid := range p.rsyncsOf() {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if err := c.Wait(); err != nil {
			killed++
		}
		for range 1000 { // children end with their parent, once they notice
			if len(p.rsyncsOf()) == 0 {
				break
			}
			if _, err := Run(context.Background(), p.options()); !errors.Is(err, ErrBusy) && len(p.rsyncsOf()) > 0 {
				t.Fatalf("children of a dead run still work, and another begins: %v", err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		if left := p.rsyncsOf(); len(left) > 0 {
			t.Fatalf("rsync goes on without its parent: %v", left)
		}
		if n := p.newest(); n != good {
			finished++
			good, snap = n, now
		}
		p.same(good, snap)
		cat, err := List(context.Background(), p.d(), "")
		if err != nil {
			t.Fatal(err)
		}
		linked = linked || len(cat.Begun) > 0 || p.seal != nil
	}
	if killed == 0 || !linked {
		t.Errorf("%d of %d runs were killed, some begun: %v: the test shows little", killed, rounds, linked)
	}
	r := p.run()
	p.same(r.Generation, p.src)
	c, err := List(context.Background(), p.d(), "")
	if err != nil || len(c.Begun) > 0 {
		t.Errorf("left over: %v %v", c, err)
	}
	if rest, _ := filepath.Glob(filepath.Join(p.work, "run-*")); len(rest) > 0 {
		t.Errorf("left over: %v", rest)
	}
	if again := p.run(); again.Copied != 0 {
		t.Errorf("nothing changed, and %d files were copied", again.Copied)
	}
	t.Logf("%d files, %d runs: %d killed, %d finished before", files, rounds, killed, finished)
}

// What had arrived when a run was killed is not copied again.
func TestResumed(t *testing.T) {
	p := newPlace(t)
	p.fill(100)
	g := p.run()
	// A generation without its mark is one that was begun.
	if err := os.Remove(filepath.Join(p.dest, "done", g.Generation+".json")); err != nil {
		t.Fatal(err)
	}
	p.write("d1/f1", "changed since")
	r := p.run()
	if r.Copied != 1 || len(r.Pruned) != 1 || r.Pruned[0] != g.Generation {
		t.Errorf("%+v", r)
	}
	p.same("", p.src)
}

func TestDiskFull(t *testing.T) {
	files, _ := large(60, 0, 10_000, 0)
	newPlace(t).diskFull(files)
}

// The same with encrypted generations.
func TestDiskFullSealed(t *testing.T) {
	long(t)
	p := newPlace(t)
	p.seal, p.ids, _ = keys(t)
	p.diskFull(10_000)
}

func (p *place) diskFull(files int) {
	t := p.t
	if os.Geteuid() != 0 {
		t.Skip("needs root: a small file system is mounted")
	}
	p.fill(files)
	if err := os.MkdirAll(p.dest, 0o700); err != nil {
		t.Fatal(err)
	}
	limit := fmt.Sprintf("size=%dk", files*9) // files take a page or two
	if err := syscall.Mount("none", p.dest, "tmpfs", 0, limit); err != nil {
		t.Skip("no tmpfs can be mounted here: " + err.Error())
	}
	defer func() {
		if err := syscall.Unmount(p.dest, 0); err != nil {
			t.Error(err)
		}
	}()
	p.run()
	snap, good := p.snapshot(), p.newest()
	rounds, _ := large(1, 0, 3, 0)
	for i := range rounds {
		for k := range files {
			p.write(fmt.Sprintf("d%d/f%d", k%17, k), strings.Repeat(fmt.Sprintf("%d of %d ", i, k), 1000)[:5000])
		}
		_, err := Run(context.Background(), p.options())
		if !errors.Is(err, ErrFull) {
			t.Fatalf("%v", err)
		}
		if p.newest() != good {
			t.Fatal("another generation counts")
		}
		p.same(good, snap)
		c, err := List(context.Background(), p.d(), "")
		if err != nil || len(c.Begun) > 0 {
			t.Errorf("what did not fit still takes place: %+v %v", c, err)
		}
	}
	p.change(files/20, files) // and with little to copy it works again
	if err := os.RemoveAll(p.src); err != nil {
		t.Fatal(err)
	}
	p.fill(files / 10)
	p.run()
	p.same("", p.src)
}

// daemon starts an rsync daemon on loopback for the place's destination; the address is that of a relay in front, which
// ends after limit bytes when that is not zero.
func (p *place) daemon(limit *int64) string {
	p.t.Helper()
	dir := p.t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	if err := os.MkdirAll(p.dest, 0o700); err != nil {
		p.t.Fatal(err)
	}
	conf := filepath.Join(dir, "rsyncd.conf")
	text := fmt.Sprintf("port = %d\naddress = 127.0.0.1\nuse chroot = no\nlog file = %s/log\nreverse lookup = no\n[m]\npath = %s\nread only = no\nuid = %d\ngid = %d\n", port, dir, filepath.Dir(p.dest), os.Getuid(), os.Getgid())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	c := exec.Command("rsync", "--daemon", "--no-detach", "--config="+conf)
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	behind := fmt.Sprintf("127.0.0.1:%d", port)
	for range 100 {
		if s, err := net.Dial("tcp", behind); err == nil {
			s.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { front.Close() })
	go func() {
		for {
			a, err := front.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", behind)
			if err != nil {
				a.Close()
				continue
			}
			most := int64(1 << 40)
			if *limit > 0 {
				most = *limit
			}
			go func() { _, _ = io.Copy(a, b); a.Close(); b.Close() }()
			go func() { _, _ = io.CopyN(b, a, most); a.Close(); b.Close() }()
		}
	}()
	return fmt.Sprintf("rsync://%s/m/%s", front.Addr(), filepath.Base(p.dest))
}

// Over a daemon, with the other machine gone in the middle again and again.
func TestRemoteGone(t *testing.T) {
	long(t)
	newPlace(t).remoteGone(10_000, 15)
}

// The same with encrypted generations.
func TestRemoteGoneSealed(t *testing.T) {
	long(t)
	p := newPlace(t)
	p.seal, p.ids, _ = keys(t)
	p.remoteGone(10_000, 15)
}

func (p *place) remoteGone(files, rounds int) {
	t := p.t
	p.fill(files)
	limit := int64(0)
	d, err := ParseDest(p.daemon(&limit), "")
	if err != nil {
		t.Fatal(err)
	}
	o := p.options()
	o.Dest, o.Keep = d, Keep{Last: 2}
	first, err := Run(context.Background(), o)
	// Encrypted, the same contents are sent once, whatever the files are called.
	if err != nil || first.Files != files+1 || p.seal == nil && first.Copied != files+1 {
		t.Fatalf("%+v %v", first, err)
	}
	p.same("", p.src)
	snap, good, broken := p.snapshot(), p.newest(), 0
	for i := range rounds {
		p.change(files/5, files)
		now := p.snapshot()
		limit = 300 + int64(files*400*(i*100+p.rnd.IntN(100))/(rounds*100))
		if r, err := Run(context.Background(), o); err != nil {
			broken++
		} else {
			good, snap = r.Generation, now
		}
		limit = 0
		if n := p.newest(); n != good {
			t.Fatalf("%s counts, though its run failed", n)
		}
		p.same(good, snap)
	}
	if broken == 0 {
		t.Error("no run was broken: the test shows nothing")
	}
	r, err := Run(context.Background(), o)
	if err != nil || len(r.Warnings) > 0 {
		t.Fatalf("%+v %v", r, err)
	}
	p.same("", p.src)
	if again, err := Run(context.Background(), o); err != nil || again.Copied != 0 {
		t.Errorf("nothing changed: %+v %v", again, err)
	}
	rep, err := Verify(context.Background(), d, "", "", false, p.ids)
	if err != nil || !rep.OK() || !rep.Drill {
		t.Errorf("the drill over the daemon: %+v %v", rep, err)
	}
	c, err := List(context.Background(), d, "")
	if err != nil || len(c.Good) != 2 || len(c.Begun) > 0 {
		t.Errorf("two are to be kept: %+v %v", c, err)
	}
	t.Logf("%d files, %d runs, %d broken", files, rounds, broken)
}

// The way over ssh, with a shell that stays on this machine.
func TestRemoteShell(t *testing.T) {
	p := newPlace(t)
	p.fill(30)
	shell := filepath.Join(t.TempDir(), "shell")
	if err := os.WriteFile(shell, []byte("#!/bin/sh\nshift\nexec sh -c \"$*\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := ParseDest("there:"+p.dest, shell)
	if err != nil {
		t.Fatal(err)
	}
	o := p.options()
	o.Dest, o.Keep = d, Keep{Last: 1}
	for i := range 2 {
		p.write("a", fmt.Sprint(i))
		r, err := Run(context.Background(), o)
		if err != nil || len(r.Warnings) > 0 || i == 1 && (r.Copied != 1 || len(r.Pruned) != 1) {
			t.Fatalf("%+v %v", r, err)
		}
	}
	to := filepath.Join(t.TempDir(), "r")
	if r, err := Restore(context.Background(), d, "", "", to, nil); err != nil || !r.OK() {
		t.Errorf("%+v %v", r, err)
	}
	p.same("", p.src)
	nobody, _ := ParseDest("there:/x", "/nonexistent/shell")
	o.Dest = nobody
	var x *Error
	if _, err := Run(context.Background(), o); !errors.As(err, &x) {
		t.Errorf("%v", err)
	}
}

// The lock is held as long as a child works, also when its parent is gone.
func TestChildrenHoldTheLock(t *testing.T) {
	needRsync(t)
	dir := t.TempDir()
	name, script := filepath.Join(dir, "lock"), filepath.Join(dir, "shell")
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntouch "+dir+"/begun\nwhile [ ! -e "+dir+"/end ]; do sleep 0.02; done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	held, err := lock(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := ParseDest("there:/x", script)
	if err != nil {
		t.Fatal(err)
	}
	d.locks = []*os.File{held}
	fd := int(held.Fd())
	done := make(chan bool)
	go func() {
		_, _ = d.rsync(context.Background(), "--list-only", "there:/x")
		close(done)
	}()
	for {
		if _, err := os.Stat(filepath.Join(dir, "begun")); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	_ = syscall.Close(fd) // as when the program is killed: behind the back of who starts the child with it
	if _, err := lock(name); !errors.Is(err, ErrBusy) {
		t.Errorf("a child works, and the lock is free: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "end"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	<-done
	_ = held.Close() // there is nothing any more to close
	again, err := lock(name)
	if err != nil {
		t.Fatalf("nobody works, and the lock is held: %v", err)
	}
	again.Close()
}
