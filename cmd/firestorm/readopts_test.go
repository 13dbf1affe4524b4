package main

import (
	"strings"
	"testing"
	"time"

	"firestorm/internal/detect"
	"firestorm/internal/finding"
	"firestorm/internal/packet"
)

// options parses a command line of read without running it.
func options(args ...string) (*readOptions, error) {
	a := &app{getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }}
	c, r := a.readFlags()
	if err := c.ParseFlags(args); err != nil {
		return nil, err
	}
	r.take(c)
	return r.check()
}

func TestReadOptions(t *testing.T) {
	o, err := options("-r", "a.pcap", "b.pcap", "--home-net", "192.0.2.0/24,2001:db8::1", "--since", "2024-05-01 10:00",
		"--until", "2024-05-01T10:01:00.5Z", "--min-confidence", "certain", "--fail-on", "high", "--max-memory", "1GiB", "-vv", "--json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(o.Files, " ") != "a.pcap b.pcap" {
		t.Errorf("files %q", o.Files)
	}
	if len(o.HomeNet) != 2 || o.HomeNet[1].String() != "2001:db8::1/128" || !o.HomeNetGiven {
		t.Errorf("home net %v", o.HomeNet)
	}
	since := packet.Time(time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC).UnixNano())
	if o.Since.Time != since || o.Until.At(0).Sub(since) != 60*time.Second+500*time.Millisecond {
		t.Errorf("since %v until %v", o.Since, o.Until)
	}
	if o.MinConfidence != finding.Certain || o.FailOn != finding.High || o.MaxMemory != 1<<30 || o.Verbose != 2 || o.Format != "json" {
		t.Errorf("%+v", o)
	}
}

func TestReadOptionsDefaults(t *testing.T) {
	o, err := options("x.pcap")
	if err != nil {
		t.Fatal(err)
	}
	if o.MinConfidence != 0 || o.FailOn != 0 || o.MaxMemory != 400<<20 || o.Format != "text" || o.Checksums != "auto" || o.HomeNetGiven ||
		len(o.HomeNet) != len(detect.DefaultHomeNet) {
		t.Errorf("%+v", o)
	}
}

func TestReadOptionsRefused(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"", "needs a capture"},
		{"a a", "given twice"},
		{"./a a", "given twice"},
		{"a -k maybe", "-k"},
		{"a --format xml", "--format"},
		{"a --format-in hex", "--format-in"},
		{"a --format html --json", "do not go together"},
		{"a --eve - -w -", "would all write to standard output"},
		{"a --eve - --json", "would all write to standard output"},
		{"a -w ./a", "would overwrite"},
		{"a --utc --local", "do not go together"},
		{"a -q -v", "do not go together"},
		{"a --home-net 10.0.0.0/33", "neither a network nor an address"},
		{"a --since yesterday", "is no time"},
		{"a --since +-3s", "is no time"},
		{"a --since +9s --until +3s", "is not before"},
		{"a --min-confidence sure", "--min-confidence"},
		{"a --fail-on always", "--fail-on"},
		{"a --max-memory 1M", "too little"},
		{"a --max-memory much", "is no size"},
		{"a --workers -1", "--workers"},
		{"a --workers 1000", "--workers"},
		{"a b --follow", "one growing file"},
		{"- --follow", "one growing file"},
		{"--tap a", "does not name two"},
		{"--tap a+", "does not name two"},
		{"--tap a+b --tap b+c", "two --tap groups"},
		{"a --format-in tshark-text -f tcp", "needs packets"},
		{"a --format-in tshark-text -w out.pcapng", "needs packets"},
	} {
		_, err := options(strings.Fields(c.args)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("read %s: %v, want an error with %q", c.args, err, c.want)
			continue
		}
		if f, ok := err.(*failure); !ok || f.code != exitUsage || f.try == "" {
			t.Errorf("read %s: %#v is not a usage failure with something to try", c.args, err)
		}
	}
}

func TestTap(t *testing.T) {
	for _, c := range []struct {
		args, files, tap string
	}{
		{"--tap a+b", "a b", "a b"},
		{"a b c --tap a+b", "a b c", "a b"},
		{"in+out.pcap x --tap in+out.pcap+x", "in+out.pcap x", "in+out.pcap x"},
	} {
		o, err := options(strings.Fields(c.args)...)
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		if strings.Join(o.Files, " ") != c.files || strings.Join(o.Taps[0], " ") != c.tap {
			t.Errorf("%s: files %q tap %q", c.args, o.Files, o.Taps)
		}
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{"0": 0, "12": 12, "3k": 3 << 10, "400M": 400 << 20, "1GiB": 1 << 30, "2gb": 2 << 30} {
		if n, err := parseSize(s); err != nil || n != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", s, n, err, want)
		}
	}
	for _, s := range []string{"", "M", "-1", "1X", "99999999999G", "1.5G"} {
		if n, err := parseSize(s); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", s, n)
		}
	}
}

func TestWithRead(t *testing.T) {
	a := &app{}
	for _, c := range []struct{ in, want string }{
		{"problem.pcap", "read problem.pcap"},
		{"-", "read -"},
		{"--json x.pcap", "read --json x.pcap"},
		{"-r x", "read -r x"},
		{"read x.pcap", "read x.pcap"},
		{"--color never explain", "--color never explain"},
		{"--help", "--help"},
		{"reed", "reed"},
		{"dir/x", "read dir/x"},
		{"", ""},
	} {
		if got := strings.Join(withRead(a.root(), strings.Fields(c.in)), " "); got != c.want {
			t.Errorf("firestorm %s becomes %q, want %q", c.in, got, c.want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{"a.pcap": "a.pcap", "a b": "'a b'", "it's": `'it'\''s'`, "": "''"} {
		if got := shellWord(in); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", in, got, want)
		}
	}
}
