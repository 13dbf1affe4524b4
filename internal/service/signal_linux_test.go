package service

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"
)

func notifyTerm(c chan os.Signal) { signal.Notify(c, syscall.SIGTERM) }

// TestSignalsTogether: a reload that is asked for twice at once, as systemd from 253 on does with ExecReload, is one; a later one
// is another; a dump waits for nothing.
func TestSignalsTogether(t *testing.T) {
	c, stop := Signals()
	defer stop()
	send := func(sigs ...syscall.Signal) {
		t.Helper()
		for _, s := range sigs {
			if err := syscall.Kill(os.Getpid(), s); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond) // they arrive one by one
		}
	}
	heard := func() (all []Command) {
		for {
			select {
			case x := <-c:
				all = append(all, x)
			case <-time.After(together + 200*time.Millisecond):
				return all
			}
		}
	}
	for _, x := range []struct {
		sent []syscall.Signal
		want []Command
	}{
		{[]syscall.Signal{syscall.SIGHUP, syscall.SIGHUP}, []Command{Reload}},
		{[]syscall.Signal{syscall.SIGUSR2, syscall.SIGHUP, syscall.SIGUSR1}, []Command{Dump, Reload}},
	} {
		send(x.sent...)
		if got := heard(); !slices.Equal(got, x.want) {
			t.Errorf("%v: %v, not %v", x.sent, got, x.want)
		}
	}
}
