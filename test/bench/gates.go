//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// tcpdump is the program that sets the measure for reading a file: it reads, looks at and copies every packet.
func tcpdump(path string) []string { return []string{"tcpdump", "-nr", path, "-w", "/dev/null"} }

func (b *bench) read(path string, args ...string) []string {
	return append([]string{b.bin, "read", path}, args...)
}

// against measures a whole run over a capture against tcpdump's, and two workers against one.
func (b *bench) against(path string, in input, gated bool) error {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		return fmt.Errorf("tcpdump is needed as the measure: %w; try: make deps", err)
	}
	xs, err := b.alternate(tcpdump(path), b.read(path, "--workers", "1"), b.read(path, "--workers", "2"))
	if err != nil {
		return err
	}
	dumpBest, dump := pick(xs[0], cpu)
	oneBest, one := pick(xs[1], cpu)
	_, wall1 := pick(xs[1], wall)
	_, wall2 := pick(xs[2], wall)
	bound, faster := "<= 2.5", ">= 1.5"
	detail := fmt.Sprintf("best %.2f s against %.2f s, median %.2f s against %.2f s; best to best %.2f", oneBest, dumpBest, one, dump, oneBest/dumpBest)
	b.gate(in.Name+": processor time, times tcpdump's", one/dump, "x", bound, detail, "firestorm read --workers 1 FILE; tcpdump -nr FILE -w /dev/null")
	if gated {
		b.gate(in.Name+": faster with two workers", wall1/wall2, "x", faster, fmt.Sprintf("%.2f s against %.2f s", wall1, wall2), "firestorm read --workers 2 FILE")
	}
	_, most := pick(xs[1], peak)
	fmt.Printf("%-44s %8.0f MB\n", in.Name+": most memory, one worker", most)
	in.Report = xs[1][0].hash
	b.res.Inputs = append(b.res.Inputs, in)
	if err := b.same(path, xs[1][0].hash); err != nil {
		return err
	}
	return b.withRules(path, in.Name)
}

// same says whether the report depends on workers or the seed of the hashes. It must not.
func (b *bench) same(path, want string) error {
	for _, args := range [][]string{{"--workers", "2"}, {"--workers", "8"}, {"--workers", "1", "--seed", "99"}} {
		c, err := measure(b.read(path, args...)...)
		if err != nil {
			return err
		}
		if c.hash != want {
			return fmt.Errorf("%s: the report with %v differs from that with one worker", path, args)
		}
	}
	return nil
}

func (b *bench) mix() error {
	path, in, err := b.generate("mix.pcap", "-seed", "1")
	if err != nil {
		return err
	}
	return b.against(path, in, true)
}

// held measures memory with a million connections open and a million closed, and says how many of them were kept.
func (b *bench) held() error {
	path, in, err := b.generate("hold.pcap", "-seed", "1", "-hold", "1000000", "-closed", "1000000", "-bytes", "1")
	if err != nil {
		return err
	}
	c, err := measure(b.read(path, "--workers", "1")...)
	if err != nil {
		return err
	}
	in.Report = c.hash
	b.res.Inputs = append(b.res.Inputs, in)
	b.gate("memory, 1 M open and 1 M closed connections", c.peak, "MB", "<= 450", fmt.Sprintf("--max-memory as it is; %.0f s of processor time", c.cpu), "firestorm read --workers 1 hold.pcap")
	kept, err := b.evicted(path)
	if err != nil {
		return err
	}
	b.gate("connections forgotten early in that run", float64(kept), "", "<= 0", "of 2 000 000", "firestorm read --workers 1 hold.pcap")
	return nil
}

var forgotten = regexp.MustCompile(`(\d+) connections did not fit`)

// evicted reads from the report how many connections did not fit.
func (b *bench) evicted(path string) (int, error) {
	out, _ := exec.Command(b.bin, "read", path, "--workers", "1").Output()
	m := forgotten.FindSubmatch(out)
	if m == nil {
		return 0, nil
	}
	return strconv.Atoi(string(m[1]))
}

// small measures what a short capture costs: start-up, mostly.
func (b *bench) small() error {
	path := "testdata/captures/founding-timewait/founding.pcap"
	var cs []cost
	for range max(4*b.runs, 20) {
		c, err := measure(b.read(path)...)
		if err != nil {
			return err
		}
		cs = append(cs, c)
	}
	best, median := pick(cs, wall)
	b.gate("17 packets, start to end", median*1000, "ms", "<= 50", fmt.Sprintf("best %.0f ms", best*1000), "firestorm read "+path)
	_, most := pick(cs, peak)
	b.gate("17 packets, most memory", most, "MB", "<= 64", "", "firestorm read "+path)
	return nil
}

var benchLine = regexp.MustCompile(`(?m)^Benchmark(\w+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op(?:\s+[\d.]+ MB/s)?(?:\s+\d+ B/op\s+(\d+) allocs/op)?`)

// gobench runs the benchmarks of decoding and reading, each pair one after the other in every round: the median of the
// rounds' ratios counts, because a busy moment of the machine then meets both.
func (b *bench) gobench() error {
	ns, allocs := map[string][]float64{}, map[string]float64{}
	for _, x := range [][2]string{{"packet", "^Benchmark(Decode|GopacketSparse)$"}, {"capture", "^Benchmark(BareRead|Reader|ReaderNG)$"}} {
		bin := filepath.Join(b.dir, x[0]+".test")
		if out, err := exec.Command("go", "test", "-c", "-o", bin, "./internal/"+x[0]).CombinedOutput(); err != nil {
			return fmt.Errorf("go test -c ./internal/%s: %w\n%s", x[0], err, out)
		}
		for range b.runs {
			out, err := exec.Command(bin, "-test.run", "^$", "-test.bench", x[1], "-test.benchmem", "-test.benchtime", "0.5s").CombinedOutput()
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", bin, err, out)
			}
			for _, m := range benchLine.FindAllStringSubmatch(string(out), -1) {
				v, err := strconv.ParseFloat(m[2], 64)
				if err != nil {
					return err
				}
				ns[m[1]] = append(ns[m[1]], v)
				a, _ := strconv.ParseFloat(m[3], 64)
				allocs[m[1]] = max(allocs[m[1]], a)
			}
		}
	}
	ratio := func(slow, fast string) float64 {
		var v []float64
		for i := range min(len(ns[slow]), len(ns[fast])) {
			v = append(v, ns[slow][i]/ns[fast][i])
		}
		return median(v)
	}
	for _, n := range []string{"Decode", "GopacketSparse", "BareRead", "Reader"} {
		if len(ns[n]) == 0 {
			return fmt.Errorf("benchmark %s gave no number", n)
		}
	}
	b.gate("decoding, times as fast as gopacket", ratio("GopacketSparse", "Decode"), "x", ">= 3",
		fmt.Sprintf("%.0f ns against %.0f ns a packet", median(ns["Decode"]), median(ns["GopacketSparse"])), "go test -bench 'Decode|GopacketSparse' ./internal/packet")
	b.gate("decoding, allocations a packet", allocs["Decode"], "", "<= 0", "", "the same")
	b.gate("reading a pcap, share of bare read(2)", ratio("BareRead", "Reader"), "x", ">= 0.8", "", "go test -bench 'BareRead|Reader' ./internal/capture")
	b.gate("reading a pcapng, share of bare read(2)", ratio("BareRead", "ReaderNG"), "x", ">= 0.8", "", "the same")
	return nil
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}
