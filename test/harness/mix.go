package harness

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/packet"
)

var generator struct {
	sync.Once
	path string
	err  error
}

// Mix starts testbed/mix, which makes unrelated traffic: about the given bytes with live connections at a time. It is
// read as it is made, so that nothing large is kept. The bytes follow from the arguments.
func Mix(t testing.TB, bytes int64, live int, seed uint64) capture.Source {
	t.Helper()
	Program(t) // makes the folder that Cleanup removes
	generator.Do(func() {
		generator.path = filepath.Join(program.dir, "mix")
		c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", generator.path, "./testbed/mix")
		c.Dir = Root()
		if out, err := c.CombinedOutput(); err != nil {
			generator.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if generator.err != nil {
		t.Fatal(generator.err)
	}
	c := exec.Command(generator.path, "-o", "-", "-bytes", fmt.Sprint(bytes), "-live", fmt.Sprint(live), "-seed", fmt.Sprint(seed))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout = w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	s, err := capture.OpenReader("mix", r, capture.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &process{Source: s, out: r, cmd: c}
}

// process is a source whose bytes a process of ours makes.
type process struct {
	capture.Source
	out io.Closer
	cmd *exec.Cmd
}

func (p *process) Close() error {
	err := p.Source.Close()
	_ = p.out.Close()
	_ = p.cmd.Wait() // it ends for lack of a reader, if it has not ended yet
	return err
}

// MixBegin is the time of the first packet that Mix gives.
const MixBegin = packet.Time(1_700_000_000) * packet.Time(time.Second)

// Stretched gives src's packets other times: the one at from comes at to, and time goes by k times as fast.
func Stretched(src capture.Source, from, to packet.Time, k float64) capture.Source {
	return &stretched{src, from, to, k}
}

type stretched struct {
	capture.Source
	from, to packet.Time
	k        float64
}

func (s *stretched) Next(b *packet.Batch) error {
	err := s.Source.Next(b)
	for i := range b.Packets {
		p := &b.Packets[i]
		p.Time = s.to.Add(time.Duration(float64(p.Time.Sub(s.from)) * s.k))
	}
	return err
}

// Until gives what src gives, as far as it comes not later than to. The times of src must not fall.
func Until(src capture.Source, to packet.Time) capture.Source { return &until{src, to} }

type until struct {
	capture.Source
	to packet.Time
}

func (s *until) Next(b *packet.Batch) error {
	err := s.Source.Next(b)
	for i := range b.Packets {
		if b.Packets[i].Time > s.to {
			b.Packets = b.Packets[:i]
			return io.EOF
		}
	}
	return err
}

// OneWire merges sources by time into one place of capture.
func OneWire(srcs ...capture.Source) capture.Source {
	return capture.MergeWith(capture.MergeOptions{Vantage: func(capture.Interface, int) uint16 { return 0 }}, srcs...)
}
