package lang

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func settings(t *testing.T, text string) (*Settings, []string) {
	t.Helper()
	s, problems, err := ReadSettings("s", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s, sayAll(problems)
}

const sample = `%YAML 1.1
---
vars:
  address-groups:
    HOME_NET: "[192.168.0.0/16,10.0.0.0/8]"   # a comment
    EXTERNAL_NET: '!$HOME_NET'
    SERVERS: [1.1.1.1, 2.2.2.0/24, [3.3.3.3]]
    NOTHING:
  port-groups:
    HTTP_PORTS: 80
    SIP_PORTS: "[5060, 5061]"
default-rule-path: /etc/rules
rule_files:
  - a.rules
  - "b.rules"
classification-file: /etc/classification.config
reference-config-file: /etc/reference.config
threshold-file: /etc/threshold.config
reputation-categories-file: /etc/iprep/categories.txt
default-reputation-path: /etc/iprep
reputation-files: [a.list, b.list]
action-order: [alert, pass, drop, reject]
exception-policy: auto
packet-alert-max: "20"
stream:
  memcap: 64 MiB
  checksum-validation: no
  midstream: Yes
  async-oneside: on
  inline: auto
  midstream-policy: ignore
  reassembly:
    depth: 1 MiB
    toserver-chunk-size: 2kb
    urgent:
      policy: inline
datasets:
  defaults: {memcap: 1mb, hashsize: 100}
  limits: {single-hashsize: 5, total-hashsizes: 6}
  rules: {allow-absolute-filenames: yes, allow-write: no}
  seen: {type: string, state: seen.lst}
  known: {type: md5, load: k.lst, memcap: 2mb, hashsize: 7}
defrag:
  timeout: 30
flow-timeouts:
  tcp: {new: 60, established: 3600, closed: 1}
host-os-policy:
  windows: [0.0.0.0/0]
  bsd: []
  old-linux: "10.0.0.0/8"
decoder:
  vxlan: {enabled: true, ports: "[4789,8472]"}
vlan:
  use-for-tracking: false
app-layer:
  protocols:
    dns:
      tcp: {enabled: yes, detection-ports: {dp: 53}}
      udp: {enabled: detection-only}
    tls:
      enabled: yes
      detection-ports: {dp: [443, 8443]}
      ja3-fingerprints: auto
      ja4-fingerprints: "yes"
      encryption-handling: bypass
    ssh: {enabled: no, hassh: yes}
    http2: {enabled: yes, http1-rules: true}
    mqtt: {max-msg-length: 1mb, stream-depth: 0, max-tx: 5}
    http:
      libhtp:
        default-config:
          personality: IDS
          request-body-limit: 100kb
          response-body-limit: 0
          double-decode-path: yes
        server-config:
          - apache: {address: [192.168.1.0/24, "::1"], personality: Apache_2, response-body-limit: 5}
    smtp:
      enabled: yes
      raw-extraction: no
      mime: {decode-base64: no, extract-urls-schemes: [http, ftp], body-md5: no}
outputs:
  - fast: {enabled: yes}
  - stats:
      enabled: no
      filename: stats.log
  - eve-log:
      enabled: yes
      filename: e.json
      community-id: true
      community-id-seed: 7
      xff: {enabled: yes, mode: overwrite}
      types:
        - alert:
            payload: yes
            payload-buffer-size: 4kb
            http-body: yes
            metadata:
              app-layer: false
              rule: {raw: yes}
            xff: {enabled: no}
            colour: blue
        - anomaly:
            types: {decode: yes}
        - dns: {version: 2, requests: no, formats: [detailed]}
        - http: {extended: yes, custom: [Accept, User-Agent], dump-all-headers: both}
        - tls
        - ssh: {enabled: no, other: 1}
        - files:
          force-magic: yes
        - stats: {totals: no, threads: yes}
        - flow
  - file-store: {version: 2, enabled: yes, force-hash: [md5], stream-depth: 10 KiB}
af-packet:
  - interface: eth0
logging: {default-log-level: notice}
`

func TestSettings(t *testing.T) {
	got, problems := settings(t, sample)
	if problems != nil {
		t.Error(problems)
	}
	want := DefaultSettings()
	want.Vars = Vars{
		Addrs: map[string]string{"HOME_NET": "[192.168.0.0/16,10.0.0.0/8]", "EXTERNAL_NET": "!$HOME_NET",
			"SERVERS": "[1.1.1.1,2.2.2.0/24,[3.3.3.3]]"},
		Ports: map[string]string{"HTTP_PORTS": "80", "SIP_PORTS": "[5060, 5061]"},
	}
	want.RulePath, want.RuleFiles = "/etc/rules", []string{"a.rules", "b.rules"}
	want.ClassificationFile, want.ReferenceFile = "/etc/classification.config", "/etc/reference.config"
	want.ThresholdFile = "/etc/threshold.config"
	want.ReputationCategories, want.ReputationPath, want.ReputationFiles = "/etc/iprep/categories.txt", "/etc/iprep", []string{"a.list", "b.list"}
	want.ActionOrder = []Action{Alert, Pass, Drop, Reject}
	want.ExceptionPolicy, want.PacketAlertMax = "auto", 20
	want.Stream.ChecksumValidation, want.Stream.Midstream, want.Stream.AsyncOneside = false, true, true
	want.Stream.MidstreamPolicy, want.Stream.Depth, want.Stream.ToServerChunk = "ignore", 1<<20, 2048
	want.Stream.UrgentPolicy = "inline"
	want.Defrag.Timeout = 30
	want.Flow.TCP.New, want.Flow.TCP.Established, want.Flow.TCP.Closed = 60, 3600, 1
	want.HostOS = []HostOS{{"windows", "[0.0.0.0/0]"}, {"old-linux", "10.0.0.0/8"}}
	want.Decoder["vxlan"] = Decoder{On, "[4789,8472]"}
	want.VLAN = false
	zero := uint64(0)
	want.Protocols = map[string]*Protocol{
		"dns": {}, "dns.tcp": {Enabled: On, DstPorts: "53"}, "dns.udp": {Enabled: DetectionOnly},
		"tls":   {Enabled: On, DstPorts: "[443,8443]", JA3: "auto", JA4: "yes", Encryption: "bypass"},
		"ssh":   {Enabled: Off, HASSH: "yes"},
		"http2": {Enabled: On, HTTP1Rules: true},
		"mqtt":  {MaxMsgLength: 1 << 20, StreamDepth: &zero, MaxTx: 5},
		"http":  {}, "smtp": {Enabled: On},
	}
	h := &want.HTTP[0]
	h.RequestBodyLimit, h.ResponseBodyLimit, h.DoubleDecodePath = 100<<10, 0, true
	apache := *h
	apache.Name, apache.Addrs, apache.Personality, apache.ResponseBodyLimit = "apache", "[192.168.1.0/24,::1]", "apache_2", 5
	want.HTTP = append(want.HTTP, apache)
	want.SMTP.Base64, want.SMTP.URLSchemes, want.SMTP.BodyMD5 = false, []string{"http", "ftp"}, "no"
	want.Datasets = Datasets{AnyPath: true, Memcap: 1 << 20, HashSize: 100, MostPlaces: 5, AllPlaces: 6,
		Lists: []Dataset{{Name: "seen", Type: "string", State: "seen.lst"}, {Name: "known", Type: "md5", Load: "k.lst", Memcap: "2mb", HashSize: "7"}}}
	want.FileStore = FileStore{Enabled: true, Dir: "filestore", ForceHash: []string{"md5"}, StreamDepth: 10 << 10}
	xff := XFF{Enabled: true, Mode: "overwrite", Deployment: "reverse", Header: "X-Forwarded-For"}
	eve := EVELog{Filename: "e.json", FileType: "regular", Metadata: true, CommunityID: true, CommunityIDSeed: 7, XFF: xff}
	for _, n := range []string{"alert", "anomaly", "dns", "http", "tls", "files", "stats", "flow"} {
		e := newEVEType(n)
		e.XFF = xff
		switch n {
		case "alert":
			e.Alert.Payload, e.Alert.HTTPBody, e.Alert.AppLayer, e.Alert.RuleRaw, e.XFF.Enabled = true, true, false, true, false
		case "anomaly":
			e.Anomaly.Decode = true
		case "dns":
			e.DNS = EVEDNS{Version: 2, Responses: true, Formats: []string{"detailed"}}
		case "http":
			e.Extended, e.Custom, e.DumpHeaders = true, []string{"Accept", "User-Agent"}, "both"
		case "stats":
			e.Stats.Totals, e.Stats.Threads = false, true
		}
		eve.Types = append(eve.Types, e)
	}
	want.EVE = []EVELog{eve}
	want.Ignored = []string{"af-packet", "logging", "outputs.eve-log.types.alert.colour", "outputs.eve-log.types.force-magic",
		"outputs.fast", "stream.memcap"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A value that means nothing is said and keeps its default; the rest is read.
func TestSettingsProblems(t *testing.T) {
	got, problems := settings(t, `vars: nonsense
packet-alert-max: many
action-order: [pass, pass, drop, alert]
stream:
  midstream: perhaps
  checksum-validation: [yes]
  inline: some
  reassembly: {depth: -1, toserver-chunk-size: 5gb, toclient-chunk-size: 1 parsec}
  async-oneside: yes
host-os-policy: {bsd: 1.2.3.4.5}
app-layer:
  protocols:
    tls: yes
    ssh: {enabled: maybe, detection-ports: {dp: 70000}}
    smb: {detection-ports: "$NONE", ja3-fingerprints: never}
outputs: {eve-log: x}
`)
	want := []string{
		"s:1: vars: names with values should stand here, such as enabled: yes",
		`s:2: packet-alert-max: "many" is no size`,
		"s:3: action-order: each of pass, drop, reject, alert should stand here once",
		`s:5: stream.midstream: "perhaps" is neither yes nor no`,
		"s:6: stream.checksum-validation: a single value should stand here",
		`s:7: stream.inline: "some" is none of yes, no, auto`,
		`s:8: stream.reassembly.depth: "-1" is no size`,
		"s:8: stream.reassembly.toserver-chunk-size: 5368709120 is more than 4294967295",
		`s:8: stream.reassembly.toclient-chunk-size: "1 parsec" is no size`,
		`s:10: host-os-policy.bsd: "1.2.3.4.5" is no address`,
		"s:13: app-layer.protocols.tls: names with values should stand here, such as enabled: yes",
		`s:14: app-layer.protocols.ssh.enabled: "maybe" is none of yes, no, detection-only`,
		`s:14: app-layer.protocols.ssh.detection-ports.dp: "70000" is no port, nor a range of ports a:b`,
		`s:15: app-layer.protocols.smb.detection-ports: the variable "$NONE" is not set among the port groups`,
		`s:15: app-layer.protocols.smb.ja3-fingerprints: "never" is none of yes, no, auto`,
		"s:16: outputs: a list should stand here",
	}
	if d := cmp.Diff(want, problems); d != "" {
		t.Error(d)
	}
	def := DefaultSettings()
	def.Stream.AsyncOneside = true
	if d := cmp.Diff(def.Stream, got.Stream); d != "" {
		t.Error(d)
	}
}

func TestSettingsJSON(t *testing.T) {
	got, problems := settings(t, `
{"config": {"stream": {"midstream": "true", "checksum-validation": true, "reassembly": {"depth": "1 MiB", "toserver-chunk-size": 2560}},
  "outputs": [{"eve-log": {"enabled": true, "types": [{"alert": null}, "dns", {"tls": {"extended": true}}]}}],
  "x": {"y": [1, 2.5, null, {}]}},
 "args": ["-k none", "--simulate-ips", "--set a=b"], "checksum": "default", "runmode": "", "own_config": false}`)
	if problems != nil {
		t.Error(problems)
	}
	if !got.Stream.Midstream || got.Stream.Depth != 1<<20 || got.Stream.ChecksumValidation || got.Checksum != "none" || !got.SimulateIPS ||
		len(got.Args) != 3 {
		t.Errorf("%+v", got)
	}
	if len(got.EVE) != 1 || len(got.EVE[0].Types) != 3 || !got.EVE[0].Types[2].Extended || got.EVE[0].Types[1].Name != "dns" {
		t.Errorf("%+v", got.EVE)
	}
	if d := cmp.Diff([]string{"x"}, got.Ignored); d != "" {
		t.Error(d)
	}
}

func TestChecksumSwitch(t *testing.T) {
	for _, c := range []struct {
		text, want string
		validate   bool
	}{
		{``, "", true},
		{`pcap-file: {checksum-checks: no}`, "none", false},
		{`pcap-file: {checksum-checks: auto}`, "auto", true},
		{`{"config": {"stream": {"checksum-validation": "no"}}, "args": ["-k all"]}`, "all", true},
		{`{"config": {"pcap-file": {"checksum-checks": true}}, "args": [], "checksum": "none"}`, "none", false},
	} {
		if s, _ := settings(t, c.text); s.Checksum != c.want || s.Stream.ChecksumValidation != c.validate {
			t.Errorf("%s: %q %v", c.text, s.Checksum, s.Stream.ChecksumValidation)
		}
	}
}

func TestMetadataForms(t *testing.T) {
	for _, c := range []struct {
		text                string
		app, flow, rule, rw bool
	}{
		{"alert", true, true, true, false},
		{"alert: ", true, true, true, false},
		{"alert: {metadata: yes}", true, true, true, false},
		{"alert: {metadata: no}", false, false, false, false},
		{"alert: {metadata: {flow: no, rule: no}}", true, false, false, false},
		{"alert: {metadata: {rule: {metadata: no, raw: yes}}}", true, true, false, true},
	} {
		s, problems := settings(t, "outputs:\n- eve-log:\n    types:\n    - "+c.text+"\n")
		a := s.EVE[0].Types[0].Alert
		if a.AppLayer != c.app || a.Flow != c.flow || a.RuleMetadata != c.rule || a.RuleRaw != c.rw || problems != nil {
			t.Errorf("%s: %+v %v", c.text, a, problems)
		}
	}
}

// Forms of YAML that no shipped file has, and that must do no harm.
func TestStrangeYAML(t *testing.T) {
	got, problems := settings(t, `
base: &b {midstream: yes, async-oneside: yes}
stream:
  async-oneside: no
  <<: *b
  drop-invalid: !strange no
  midstream: no
  midstream: yes
packet-alert-max: 0x10
classification-file: |
  /etc/c.config
5: 6
--- 
packet-alert-max: 3
`)
	if !got.Stream.Midstream || got.Stream.AsyncOneside || got.Stream.DropInvalid || got.ClassificationFile != "/etc/c.config" {
		t.Errorf("%+v", got.Stream)
	}
	if len(problems) != 1 || problems[0] != `s:9: packet-alert-max: "0x10" is no size` {
		t.Error(problems)
	}
	for _, bad := range []string{"- a\n", "just words", "{", `{"a": }`, `{"a": 1} x`, "a: [", "\x00", "a: *none",
		strings.Repeat("[", 200), "a: " + strings.Repeat("- ", 200), strings.Repeat("&a ", 200),
		strings.Repeat("!t ", 200), strings.Repeat("? ", 200), `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}",
		strings.Repeat("#", maxSettings+1)} {
		if s, _, err := ReadSettings("s", strings.NewReader(bad)); err == nil {
			t.Errorf("%.20q is read: %+v", bad, s)
		} else if strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "s: ") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if s, _ := settings(t, ""); !cmp.Equal(s, DefaultSettings()) {
		t.Error("an empty file is not the default")
	}
}

func TestInclude(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml":    "stream: {midstream: yes, async-oneside: yes}\ninclude: b.yaml\ndefrag: !include c.yaml\n",
		"b.yaml":    "stream: {midstream: no, drop-invalid: no}\ninclude: [missing.yaml]\n",
		"c.yaml":    "timeout: 9\nmax-frags: x\n",
		"loop.yaml": "include: loop.yaml\npacket-alert-max: 4\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, problems, err := ReadSettingsFile(filepath.Join(dir, "a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Stream.Midstream || s.Stream.AsyncOneside || s.Stream.DropInvalid || s.Defrag.Timeout != 9 {
		t.Errorf("%+v %+v", s.Stream, s.Defrag)
	}
	if len(problems) != 2 || problems[0].Option != "include" || !strings.Contains(problems[0].Reason, "missing.yaml") ||
		problems[1].String() != `c.yaml:2: defrag.max-frags: "x" is no size` {
		t.Error(problems)
	}
	s, problems, err = ReadSettingsFile(filepath.Join(dir, "loop.yaml"))
	if err != nil || s.PacketAlertMax != 4 || len(problems) != 1 || !strings.Contains(problems[0].Reason, "include itself") {
		t.Error(problems, err)
	}
	if _, said := settings(t, "include: x.yaml"); len(said) != 1 || said[0] != `s:1: include: "x.yaml" is not read here` {
		t.Error(said)
	}
}

func TestSizes(t *testing.T) {
	for w, want := range map[string]uint64{"0": 0, "10": 10, "1kb": 1024, "1 KiB": 1024, "2MB": 2 << 20, "1.5 mib": 3 << 19, "3gb": 3 << 30} {
		if got, ok := ParseSize(w); got != want || !ok {
			t.Errorf("%s: %d %v", w, got, ok)
		}
	}
	for _, w := range []string{"", "kb", "-1", "+1", "1e3", "1x", "18446744073709551616", "18446744073709551615 kb", "1.2.3", "0x1", "."} {
		if got, ok := ParseSize(w); ok {
			t.Errorf("%s: %d", w, got)
		}
	}
}

func FuzzSettings(f *testing.F) {
	f.Add(sample)
	f.Add(`{"config": {"stream": {"midstream": true}}, "args": ["-k none"]}`)
	f.Add("a: &x [1, *x]\nb: !t {<<: *x}\ninclude: z")
	f.Fuzz(func(t *testing.T, s string) {
		got, _, err := ReadSettings("f", strings.NewReader(s))
		if err != nil {
			return
		}
		again, _, _ := ReadSettings("f", strings.NewReader(s))
		if d := cmp.Diff(got, again); d != "" {
			t.Fatal(d)
		}
		if len(got.HTTP) == 0 || len(got.ActionOrder) != 4 {
			t.Fatalf("%+v", got)
		}
	})
}
