package service

import (
	"os"
	"os/signal"
	"syscall"
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

// Signals hands out the commands that signals give, until stop is called.
func Signals() (c <-chan Command, stop func()) {
	sigs, out, done := make(chan os.Signal, waitingCommands), make(chan Command, waitingCommands), make(chan struct{})
	for s := range commands {
		signal.Notify(sigs, s)
	}
	go func() {
		for {
			select {
			case s := <-sigs:
				select {
				case out <- commands[s]:
				default:
				}
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
