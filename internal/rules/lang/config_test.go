package lang

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sayAll(problems []Problem) (out []string) {
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}

func TestClassifications(t *testing.T) {
	got, problems, err := Classifications("c", strings.NewReader(`# comment
config classification: attempted-recon,Attempted, or not, Information Leak,2
 config  classification :Web-App , Web  ,1
config classification: attempted-recon,Attempted, or not, Information Leak,2
config classification: web-app,Other,1
config classification: x,y
config classification: x,y,0
config classification: x,y,256
config classification: a b,y,3
config reference: cve http://x/
nonsense
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Classification{
		"attempted-recon": {"attempted-recon", "Attempted, or not, Information Leak", 2},
		"web-app":         {"Web-App", "Web", 1},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	said := []string{
		`c:5: the classification "web-app" has been given with another meaning`,
		"c:6: a classification has three parts: name, description, priority",
		`c:7: "0" is no priority from 1 to 255`,
		`c:8: "256" is no priority from 1 to 255`,
		`c:9: "a b" is no name of a classification`,
		"c:10: the line is not of the form config classification: …",
		"c:11: the line is not of the form config classification: …",
	}
	if d := cmp.Diff(said, sayAll(problems)); d != "" {
		t.Error(d)
	}
}

func TestReferences(t *testing.T) {
	got, problems, err := References("r", strings.NewReader("config reference: CVE   http://cve/?name=\r\nconfig reference: url\thttp://\n"+
		"config reference: url http://other\nconfig reference: alone\nconfig reference: a:b http://x\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"cve": "http://cve/?name=", "url": "http://"}, got); d != "" {
		t.Error(d)
	}
	said := []string{"r:4: a reference has two parts: the name of its system and a URL", `r:5: "a:b" is no name of a reference`}
	if d := cmp.Diff(said, sayAll(problems)); d != "" {
		t.Error(d)
	}
}

func TestThresholds(t *testing.T) {
	got, problems, err := Thresholds("t", strings.NewReader(`suppress gen_id 1, sig_id 2002087
suppress gen_id 1, sig_id 2, track by_src, ip [10.0.0.0/8,!10.1.1.1]
suppress gen_id 0, sig_id 0, track by_either, ip $HOME_NET
threshold gen_id 1, sig_id 3, type limit, track by_dst, count 1, seconds 60
event_filter gen_id 1, sig_id 0, \
   type both, track by_rule, count 5, seconds 10
event_filter gen_id 1,sig_id 4,count 1,type backoff,track by_flow,multiplier 10
rate_filter	gen_id 135, sig_id 1, track by_both, count 100, seconds 1, new_action reject, timeout 10
`))
	if err != nil || problems != nil {
		t.Fatal(err, problems)
	}
	at := func(line int) Place { return Place{"t", line} }
	want := []Threshold{
		{Place: at(1), GID: 1, SID: 2002087},
		{Place: at(2), GID: 1, SID: 2, Track: BySrc, IP: "[10.0.0.0/8,!10.1.1.1]"},
		{Place: at(3), Track: ByEither, IP: "$HOME_NET"},
		{Place: at(4), Kind: Limit, GID: 1, SID: 3, Type: TypeLimit, Track: ByDst, Count: 1, Seconds: 60},
		{Place: at(5), Kind: Limit, GID: 1, Type: TypeBoth, Track: ByRule, Count: 5, Seconds: 10},
		{Place: at(7), Kind: Limit, GID: 1, SID: 4, Type: TypeBackoff, Track: ByFlow, Count: 1, Multiplier: 10},
		{Place: at(8), Kind: RateFilter, GID: 135, SID: 1, Track: ByBoth, Count: 100, Seconds: 1, NewAction: Reject, Timeout: 10},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestThresholdsRefused(t *testing.T) {
	for _, c := range []struct{ line, reason string }{
		{"limit gen_id 1, sig_id 1", `"limit" is none of suppress`},
		{"suppress", `"" is no name with a value`},
		{"suppress gen_id 1", "sig_id is missing"},
		{"suppress gen_id 1, sig_id x", `sig_id: "x" has no meaning`},
		{"suppress gen_id 1, sig_id 1, sig_id 2", "given twice"},
		{"suppress gen_id 0, sig_id 1", "wants sig_id 0"},
		{"suppress gen_id 1, sig_id 1, track by_src", "ip is missing"},
		{"suppress gen_id 1, sig_id 1, ip 1.1.1.1", "track is missing"},
		{"suppress gen_id 1, sig_id 1, track by_rule, ip 1.1.1.1", "by_either"},
		{"suppress gen_id 1, sig_id 1, track by_src, ip 1.1.1.300", "is no address"},
		{"suppress gen_id 1, sig_id 1, track by_src, ip [1.1.1.1", "not closed"},
		{"threshold gen_id 1, sig_id 1, type limit, track by_either, count 1, seconds 1", "by_either"},
		{"threshold gen_id 1, sig_id 1, type limit, track by_src, count 0, seconds 1", "1 or more"},
		{"threshold gen_id 1, sig_id 1, type limit, track by_src, count 1", "seconds is missing"},
		{"threshold gen_id 1, sig_id 1, type backoff, track by_src, count 1", "multiplier is missing"},
		{"threshold gen_id 1, sig_id 1, type none, track by_src, count 1, seconds 1", "no meaning"},
		{"rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action log, timeout 1", "no meaning"},
		{"rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action drop", "timeout is missing"},
		{"rate_filter gen_id 1, sig_id 1, what 1", `no field "what"`},
	} {
		got, problems, _ := Thresholds("t", strings.NewReader(c.line))
		if len(got) != 0 || len(problems) != 1 || !strings.Contains(problems[0].String(), c.reason) {
			t.Errorf("%s: %v %v, want %q", c.line, got, problems, c.reason)
		}
	}
}

func TestThresholdOption(t *testing.T) {
	got, err := ThresholdOption("type limit, track by_src, seconds 3600, count 1")
	if want := (Threshold{Kind: Limit, Type: TypeLimit, Track: BySrc, Seconds: 3600, Count: 1}); got != want || err != nil {
		t.Error(got, err)
	}
	got, err = ThresholdOption("track by_dst,count 5 , seconds 2")
	if want := (Threshold{Kind: Limit, Track: ByDst, Seconds: 2, Count: 5}); got != want || err != nil {
		t.Error(got, err)
	}
	got, err = ThresholdOption("track by_dst, count 5, seconds 2, unique_on dst_port")
	if want := (Threshold{Kind: Limit, Track: ByDst, Seconds: 2, Count: 5, UniqueOn: "dst_port"}); got != want || err != nil {
		t.Error(got, err)
	}
	got, err = ThresholdOption("type limit, count 1, seconds 30, track by_src reference:url,example.org/a")
	if want := (Threshold{Kind: Limit, Type: TypeLimit, Track: BySrc, Seconds: 30, Count: 1}); got != want || err != nil {
		t.Error(got, err)
	}
	for _, bad := range []string{"type limit, track by_src, count 1, seconds 1, unique_on dst_port", "track by_src, count 1, seconds 1, unique_on x",
		"track by_src, count 1, colour 1, seconds 1", "track by_srcs, count 1, seconds 1"} {
		if got, err := ThresholdOption(bad); err == nil {
			t.Errorf("%s: %+v", bad, got)
		}
	}
	if _, err = ThresholdOption("type limit, track by_src, seconds 1"); err == nil || err.Error() != "count: count is missing" {
		t.Error(err)
	}
}

func FuzzConfigs(f *testing.F) {
	f.Add("config classification: a,b,1\nconfig reference: a b\n")
	f.Add("suppress gen_id 1, sig_id 2, track by_src, ip [1.1.1.1,$X]\\\n")
	f.Add("threshold gen_id 1, sig_id 3, type limit, track by_dst, count 1, seconds 60")
	f.Fuzz(func(t *testing.T, s string) {
		Classifications("f", strings.NewReader(s))
		References("f", strings.NewReader(s))
		got, _, _ := Thresholds("f", strings.NewReader(s))
		for _, x := range got {
			if x.GID == 0 && x.SID != 0 {
				t.Fatal(fmt.Sprint(x))
			}
		}
		ThresholdOption(s)
	})
}
