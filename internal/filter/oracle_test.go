package filter

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

// oracle asks the installed tcpdump, that is libpcap, for its program.
type oracle struct {
	tcpdump string
	dir     string
}

func newOracle(t testing.TB) *oracle {
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed; it is what this test compares with")
	}
	return &oracle{path, t.TempDir()}
}

// program compiles expr with libpcap; refusal is its error text.
func (o *oracle) program(t testing.TB, lt uint16, expr string, optimize bool) (vm *bpf.VM, refusal string) {
	t.Helper()
	file := filepath.Join(o.dir, fmt.Sprintf("%d.pcap", lt))
	if _, err := os.Stat(file); err != nil {
		h := make([]byte, 24)
		binary.LittleEndian.PutUint32(h, 0xa1b2c3d4)
		binary.LittleEndian.PutUint16(h[4:], 2)
		binary.LittleEndian.PutUint16(h[6:], 4)
		binary.LittleEndian.PutUint32(h[16:], 262144)
		binary.LittleEndian.PutUint32(h[20:], uint32(lt))
		if err := os.WriteFile(file, h, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"-r", file, "-ddd"}
	if !optimize {
		args = append(args, "-O")
	}
	cmd := exec.Command(o.tcpdump, append(args, "--", expr)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
		return nil, strings.TrimPrefix(lines[len(lines)-1], "tcpdump: ")
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var raw []bpf.RawInstruction
	for _, l := range lines[1:] {
		var r bpf.RawInstruction
		if _, err := fmt.Sscan(l, &r.Op, &r.Jt, &r.Jf, &r.K); err != nil {
			t.Fatalf("%s: cannot read %q: %v", expr, l, err)
		}
		raw = append(raw, r)
	}
	ins, _ := bpf.Disassemble(raw)
	for i := range ins {
		// bpf.VM lacks negation; multiplying by -1 is the same.
		if _, ok := ins[i].(bpf.NegateA); ok {
			ins[i] = bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: 0xffffffff}
		}
	}
	vm, err = bpf.NewVM(ins)
	if err != nil {
		t.Fatalf("%s: bpf.VM will not run libpcap's program: %v", expr, err)
	}
	return vm, ""
}

func run(t testing.TB, vm *bpf.VM, frame []byte) bool {
	n, err := vm.Run(frame)
	if err != nil {
		t.Fatal(err)
	}
	return n != 0
}

const rejectsAll = "expression rejects all packets"

// tally counts what one comparison run saw.
type tally struct {
	filters, packets, matched, rejectsAll, refused, optimizer int

	stricter []string // refused here on purpose, though libpcap compiles it
}

// strictly reports a refusal of something libpcap lets through by accident:
// it sees a constant divisor or shift only if it is written as one number.
func strictly(err error) bool {
	return strings.Contains(err.Error(), "a shift by") || strings.Contains(err.Error(), "division by zero")
}

// compareOne checks one filter on every frame against libpcap.
func compareOne(t *testing.T, o *oracle, lt uint16, expr string, frames [][]byte, sum *tally) {
	t.Helper()
	vm, refusal := o.program(t, lt, expr, true)
	p, err := Compile(expr, lt, Options{})
	if err != nil {
		sum.refused++
		if refusal == "" && strictly(err) {
			sum.stricter = append(sum.stricter, expr+": "+err.Error())
		} else if refusal == "" {
			t.Errorf("link %d: %s\n  refused here: %v\n  libpcap accepts it", lt, expr, err)
		}
		return
	}
	own, err := bpf.NewVM(p.Instructions())
	if err != nil {
		t.Fatalf("link %d: %s: own program: %v", lt, expr, err)
	}
	sum.filters++
	switch {
	case refusal == rejectsAll:
		sum.rejectsAll++
	case refusal != "":
		t.Errorf("link %d: %s\n  accepted here, libpcap says: %s", lt, expr, refusal)
		return
	}
	var plain *bpf.VM
	bad := 0
	for i, f := range frames {
		want := vm != nil && run(t, vm, f)
		got := p.Match(f, len(f))
		sum.packets++
		if got {
			sum.matched++
		}
		if v := run(t, own, f); v != got {
			t.Errorf("link %d: %s: frame %d: Match %v, bpf.VM %v\n%x\n%s", lt, expr, i, got, v, f, p)
			return
		}
		if got == want {
			continue
		}
		// libpcap's optimizer may remove a load that would end the program
		// on a short packet. Where its own two programs differ, either is
		// libpcap's answer.
		if plain == nil {
			plain, _ = o.program(t, lt, expr, false)
		}
		if plain != nil && run(t, plain, f) == got {
			sum.optimizer++
			continue
		}
		if bad++; bad == 1 {
			t.Errorf("link %d: %s\n  frame %d (%d bytes): here %v, libpcap %v\n  %x\n%s", lt, expr, i, len(f), got, want, f, p)
		}
	}
}

var oracleLinks = []uint16{1, 101, 113, 276, 0, 108, 9, 12, 228, 229}

func TestAgainstLibpcap(t *testing.T) {
	o := newOracle(t)
	limit, perLink, every := 300, 3, 6
	switch {
	case os.Getenv("FIRESTORM_LONG") != "": // make test-long
		perLink, every = 40, 1
	case testing.Short():
		limit, perLink, every = 100, 10, 5
	}
	captured := capturedFrames(t, limit)
	for k, lt := range oracleLinks {
		t.Run(fmt.Sprint("link", lt), func(t *testing.T) {
			frames := append(builtFrames(lt), captured[lt]...)
			var some [][]byte
			for i := 0; i < len(frames); i += every {
				some = append(some, frames[i])
			}
			frames = some
			n := perLink
			if lt == 1 {
				n *= 8
			}
			typed := typedFilters()
			if lt != 1 && every > 1 { // each sixth one, from another place for each link: starting tcpdump costs most
				var some []string
				for i := k % 6; i < len(typed); i += 6 {
					some = append(some, typed[i])
				}
				typed = some
			}
			list := append(generated(20261123, lt, n), typed...)
			var sum tally
			if lt == 1 || lt == 0 { // long programs are slow in bpf.VM
				for _, expr := range longFilters() {
					compareOne(t, o, lt, expr, frames[:len(frames)/8], &sum)
				}
			}
			for _, expr := range list {
				compareOne(t, o, lt, expr, frames, &sum)
			}
			for _, s := range sum.stricter {
				t.Logf("refused on purpose: %s", s)
			}
			t.Logf("%d frames (%d captured); %d filters agree on %d packets (%d matched, %d filters reject all); %d refused as by libpcap; %d answers from the unoptimised program",
				len(frames), len(captured[lt]), sum.filters, sum.packets, sum.matched, sum.rejectsAll, sum.refused, sum.optimizer)
		})
	}
}
