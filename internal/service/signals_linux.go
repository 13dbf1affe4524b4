package service

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Command is what somebody asks of a running sensor.
type Command uint8

// Commands, with the signals that give them.
const (
	Reload      Command = iota + 1 // SIGHUP: reopen files that are written, read the configuration, mutes and rules again
	Dump                           // SIGUSR1: say how everything is
	ReloadRules                    // SIGUSR2: read the rules again
	Stop                           // SIGTERM, SIGINT: write what was found and end
)

// commands are the signals that a sensor takes, but for those that end it: main has these.
var commands = map[os.Signal]Command{syscall.SIGHUP: Reload, syscall.SIGUSR1: Dump, syscall.SIGUSR2: ReloadRules}

// waitingCommands bounds the commands that wait for one that takes long: more of them would do the same again.
const waitingCommands = 4

// together is how long it is waited for more of what reads files again: two wishes that come at once are one. systemd from 253 on
// sends SIGHUP and runs the unit's ExecReload too, which older versions need; rules would be compiled twice.
const together = 500 * time.Millisecond

// Signals hands out the commands that signals give, until stop is called.
func Signals() (c <-chan Command, stop func()) {
	sigs, out, done := make(chan os.Signal, waitingCommands), make(chan Command, waitingCommands), make(chan struct{})
	for s := range commands {
		signal.Notify(sigs, s)
	}
	give := func(c Command) {
		select {
		case out <- c:
		default:
		}
	}
	go func() {
		var waits Command // to read again what it says; 0: nothing
		var over <-chan time.Time
		for {
			select {
			case s := <-sigs:
				switch c := commands[s]; {
				case c == Dump:
					give(c)
				case waits == 0:
					waits, over = c, time.After(together)
				case c == Reload: // which reads rules too
					waits = c
				}
			case <-over:
				give(waits)
				waits, over = 0, nil
			case <-done:
				return
			}
		}
	}()
	return out, func() {
		signal.Stop(sigs)
		close(done)
	}
}
