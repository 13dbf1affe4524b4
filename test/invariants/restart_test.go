package invariants

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"firestorm/internal/capture"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
	"firestorm/internal/sensor"
	"firestorm/internal/standard"
	"firestorm/test/harness"
)

// memories are a sensor.State, and sensor.Running, in memory.
type memories map[string][]byte

func (m memories) Load(name string, read func(io.Reader) error) (bool, error) {
	b, ok := m[name]
	if !ok {
		return false, nil
	}
	return true, read(bytes.NewReader(b))
}

func (m memories) Save(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	m[name] = b.Bytes()
	return nil
}

// killed is the state of a process that is killed at the end of its input: what was kept last while it ran is all there is.
type killed struct {
	memories
	kept int
}

func (k *killed) Ready() bool { return true }

func (k *killed) Keep(names []string, contents [][]byte) {
	k.kept++
	for i, n := range names {
		k.memories[n] = bytes.Clone(contents[i])
	}
}

func (k *killed) Save(string, func(io.Writer) error) error { return nil }

// life runs the sensor as watch does over some frames, with what an earlier life kept.
func life(t *testing.T, s sensor.State, fs []capture.Frame, faces []capture.Interface, tell func(*finding.Finding)) *sensor.Result {
	t.Helper()
	r, err := sensor.Run(context.Background(), sensor.Options{Source: capture.NewMemory(fs, faces...), Workers: 1, Seed: 1, Checksums: packet.ChecksumsAuto,
		Analyzers: standard.Analyzers, Detectors: standard.Detectors, State: s, Continues: true, OnFindings: func(d sensor.Decided) {
			for _, f := range d.Findings {
				tell(f)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Broken) > 0 || len(r.Engine.Faulty) > 0 || r.StateErr != nil {
		t.Fatalf("%v %v %v", r.Broken, r.Engine.Faulty, r.StateErr)
	}
	return r
}

// service is what a finding is about if one of its parties is named with its port: of its clients, each run names the first that it saw.
func service(f *finding.Finding) string {
	for _, x := range f.Subjects[:min(len(f.Subjects), 2)] {
		if x.Port != 0 {
			return fmt.Sprintf("%s %s:%d", f.Code.ID, x.Addr, x.Port)
		}
	}
	return about(f)
}

// about is what a finding is about: its code and its parties.
func about(f *finding.Finding) string {
	s := f.Code.ID
	for i, x := range f.Subjects {
		if i < 2 {
			s += fmt.Sprintf(" %s:%d", x.Addr, x.Port)
		}
	}
	return s
}

// mayLose are the codes that a restart in the middle of what they tell of may lose, or tell of somebody else, with the reason. All
// others are told as if there had been none.
var mayLose = map[string]string{}

func init() {
	for why, codes := range map[string]string{
		"their connections are open at the cut: the table of connections is not kept, and the next run meets them midway": "pmtud-black-hole tcp-accept-queue-full tcp-asymmetric-path tcp-data-unanswered " +
			"tcp-half-open-reset tcp-idle-timeout-drop tcp-loss-where tcp-nagle-delack tcp-refused-by-middlebox tcp-syn-silent-drop tcp-timewait-reuse tcp-timewait-nat-timestamps",
		"what is being said on a connection at the cut is not understood by who comes in the middle": "ftp-private-address ftp-tls-hides-data-port plaintext-to-tls-port tls-cert-expired policy-plaintext-login " +
			"rpc-dynamic-port-blocked http-503-no-retry-after http-5xx-burst",
		"questions that wait for an answer at the cut are forgotten, and with them that nobody answered": "dns-server-silent dns-servfail dns-tc-no-tcp ntp-silent-or-unsync ike-fragment-lost ike-natt-blocked ike-no-answer ike-phase2-refused ike-psk-mismatch " +
			"wg-no-response smb-logon-failures",
		"what is counted within seconds begins anew":                                               "amplification ip-routing-loop syn-flood scan-hosts scan-ports scan-trw scan-background",
		"an end in order tells what there is of the incident, and what follows is told as another": "dhcp-nak-loop dhcp-no-offer",
	} {
		for _, c := range strings.Fields(codes) {
			mayLose[c] = why
		}
	}
}

// killedMayLose are the codes beside mayLose that a kill may lose. An end in order tells them.
var killedMayLose = map[string]string{}

func init() {
	for why, codes := range map[string]string{
		"told when their connection is over, which is open at the kill":     "tcp-flags-illegal tcp-handshake-forged tcp-midstream-syn tcp-data-after-close tcp-overlap-inconsistent tcp-rst-injected tcp-zero-window-stall",
		"what waits for the rest of its pieces, or for copies, is not kept": "ip-fragment-lost duplicate-on-wire",
	} {
		for _, c := range strings.Fields(codes) {
			killedMayLose[c] = why
		}
	}
}

// sampled are the captures of an ordinary run, each of a code that a restart must not lose.
var sampled = []string{"closed-port/inside.pcap", "ssh-guessing/", "dhcp-rogue-server/", "arp-spoof-one-way/", "wg-wrong-key/", "nfs-mount-denied/", "mac-flood-vlan/"}

func restarted(t *testing.T) (captures []string, points int) {
	all := harness.Captures(t)
	if harness.Long() {
		return all, 20
	}
	for _, s := range sampled {
		i := slices.IndexFunc(all, func(c string) bool { return strings.Contains(c, "/captures/"+s) })
		if i < 0 {
			t.Fatalf("there is no capture %s", s)
		}
		captures = append(captures, all[i])
	}
	t.Log("a sample; FIRESTORM_LONG=1 go test -run TestRestart ./test/invariants cuts every capture at 20 points")
	return captures, 3
}

// TestRestart: a run that ends in order in the middle of a capture, and one that begins there with its state, tell together what
// one run over the whole tells, and nothing twice.
func TestRestart(t *testing.T) {
	captures, points := restarted(t)
	kept, lost := 0, map[string]int{}
	for _, c := range captures {
		fs, faces := harness.Frames(t, c)
		if len(fs) > 20000 {
			continue // of a minute's flood: long, and no other than the small ones
		}
		whole := map[string]bool{}
		for _, f := range life(t, memories{}, fs, faces, func(*finding.Finding) {}).Findings {
			if f.Confidence >= finding.Likely {
				whole[about(f)] = true
			}
		}
		for i := 1; i <= points && len(whole) > 0; i++ {
			at := len(fs) * i / (points + 1)
			s := memories{}
			told := map[string][]string{} // identities, by what it is about
			for _, part := range [][]capture.Frame{fs[:at], fs[at:]} {
				for _, f := range life(t, s, part, faces, func(*finding.Finding) {}).Findings {
					if a := about(f); !slices.Contains(told[a], f.ID) {
						told[a] = append(told[a], f.ID)
					}
				}
			}
			for a := range whole {
				code, _, _ := strings.Cut(a, " ")
				switch n := len(told[a]); {
				case n == 1:
					kept++
				case mayLose[code] != "":
					lost[code]++
				default:
					t.Errorf("%s cut after frame %d of %d: %s is told %d times: %v", harness.Name(c), at, len(fs), a, n, told[a])
				}
			}
		}
	}
	t.Logf("%d told as without a restart; lost or told anew, of codes that may be: %v", kept, lost)
	if kept == 0 {
		t.Error("nothing was told at all")
	}
}

// TestKilledRun: what a run that is killed had seen five seconds before, in the time of its packets, it told, or the next run tells.
func TestKilledRun(t *testing.T) {
	captures, points := restarted(t)
	some := 0
	for _, c := range captures {
		fs, faces := harness.Frames(t, c)
		if len(fs) > 20000 {
			continue
		}
		whole := map[string]bool{} // what nothing that comes later explains
		for _, f := range life(t, memories{}, fs, faces, func(*finding.Finding) {}).Findings {
			whole[service(f)] = true
		}
		for i := 1; i <= points; i++ {
			at := len(fs) * i / (points + 1)
			sure := slices.IndexFunc(fs[:at], func(f capture.Frame) bool { return fs[at-1].Time.Sub(f.Time) < 5*time.Second })
			if sure <= 0 {
				continue
			}
			told, who := map[string]bool{}, map[packet.Addr]bool{}
			tell := func(f *finding.Finding) {
				told[service(f)] = true
				for _, x := range f.Subjects {
					who[x.Addr] = true
				}
			}
			s := &killed{memories: memories{}}
			life(t, s, fs[:at], faces, tell) // its end does not count: only what it told and kept until then
			if s.kept == 0 {
				t.Errorf("%s: nothing was kept in %v", harness.Name(c), fs[at-1].Time.Sub(fs[0].Time))
			}
			for _, f := range life(t, s, fs[at:], faces, tell).Findings {
				tell(f)
			}
			later := map[string]bool{} // what stands at the cut: not what was explained by something else since
			for _, f := range life(t, memories{}, fs[:at], faces, func(*finding.Finding) {}).Findings {
				later[service(f)] = true
			}
			for _, f := range life(t, memories{}, fs[:sure], faces, func(*finding.Finding) {}).Findings {
				if f.Confidence < finding.Likely || !later[service(f)] {
					continue
				}
				explained := !whole[service(f)] && who[f.Subjects[0].Addr]
				if some++; !told[service(f)] && !explained && mayLose[f.Code.ID]+killedMayLose[f.Code.ID] == "" {
					t.Errorf("%s killed after frame %d of %d: %s was seen up to frame %d", harness.Name(c), at, len(fs), about(f), sure)
				}
			}
		}
	}
	t.Logf("%d findings were seen five seconds or longer before", some)
	if some == 0 {
		t.Error("no finding was seen at all")
	}
}
