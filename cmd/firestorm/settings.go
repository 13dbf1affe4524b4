package main

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"firestorm/internal/analyzer"
	"firestorm/internal/defrag"
	"firestorm/internal/flow"
	"firestorm/internal/output"
	"firestorm/internal/packet"
	"firestorm/internal/rules"
	"firestorm/internal/rules/lang"
	"firestorm/internal/sensor"
	"firestorm/internal/stream"
)

// suricata is what --suricata-settings says, with what of it means nothing here. Nil: the flag was not given.
type suricata struct {
	*lang.Settings
	file       string
	problems   []string
	dnsVersion int // of DNS records, from the environment; 0: as the file says
}

// readSettings reads the file of --suricata-settings. What cannot be used of it is told, and never fatal.
func (a *app) readSettings(name string) (*suricata, error) {
	if name == "" {
		return nil, nil
	}
	s, bad, err := lang.ReadSettingsFile(name)
	if err != nil {
		return nil, &failure{code: exitUsage, what: "the settings cannot be used", why: err.Error(), try: "a suricata.yaml, or the same as JSON", err: err}
	}
	u := &suricata{Settings: s, file: name}
	switch v := a.getenv(dnsVersionVariable); v {
	case "":
	case "2", "3":
		u.dnsVersion = int(v[0] - '0')
	default:
		u.problems = append(u.problems, fmt.Sprintf("%s is %q: DNS records have the forms 2 and 3", dnsVersionVariable, v))
	}
	for _, p := range bad {
		u.problems = append(u.problems, problemText(p))
	}
	return u, nil
}

// notes name each setting that means nothing here, once.
func (u *suricata) notes() (out []string) {
	if u == nil {
		return nil
	}
	for _, p := range u.problems {
		out = append(out, "settings: "+p)
	}
	if len(u.Ignored) > 0 {
		out = append(out, fmt.Sprintf("settings: %s: these mean nothing here: %s", u.file, strings.Join(u.Ignored, ", ")))
	}
	return out
}

// vars are the variables of rules: those of the file where it has any, else those that rule sets expect.
func (u *suricata) vars() lang.Vars {
	if u == nil || len(u.Vars.Addrs)+len(u.Vars.Ports) == 0 {
		return rules.DefaultVars()
	}
	return u.Vars
}

// beside finds a file that the settings name: as it stands, beside the settings, or where the program runs.
func (u *suricata) beside(name string) (string, bool) {
	if filepath.IsAbs(name) {
		_, err := os.Stat(name)
		return name, err == nil
	}
	for _, p := range []string{filepath.Join(filepath.Dir(u.file), name), name} {
		if _, err := os.Stat(p); err == nil {
			return p, true
		}
	}
	return name, false
}

// reputations are the lists of reputations, in their folder.
func (u *suricata) reputations() (names []string) {
	for _, n := range u.ReputationFiles {
		if !filepath.IsAbs(n) {
			n = filepath.Join(u.ReputationPath, n)
		}
		names = append(names, n)
	}
	return names
}

// rules adds what the settings say to the options of a rule set.
func (u *suricata) rules(o *rules.Options) (bad []lang.Problem, err error) {
	if u == nil {
		return nil, nil
	}
	o.Off = map[string]bool{}
	for name, p := range u.Protocols {
		if p.Enabled == lang.Off {
			o.Off[name] = true
		}
	}
	if p := u.Protocols["tls"]; p != nil {
		o.Off["ja3"], o.Off["ja4"] = p.JA3 == "no", p.JA4 == "no"
	}
	o.Off["http1"], o.Off["ssl"] = o.Off["http"], o.Off["tls"]
	o.ActionOrder, o.MaxAlerts, o.Prevent = u.ActionOrder, int(u.PacketAlertMax), u.SimulateIPS
	o.Lists = u.lists(o.Lists.Dir)
	type beside struct {
		name string
		read fileReader
	}
	files := []beside{{u.ClassificationFile, classifications(o)}, {u.ReferenceFile, references(o)}, {u.ThresholdFile, thresholds(o)}}
	if u.ReputationCategories != "" {
		o.Reputations = &lang.Reputations{}
		files = append(files, beside{u.ReputationCategories, o.Reputations.Categories})
		for _, name := range u.reputations() {
			files = append(files, beside{name, o.Reputations.Read})
		}
	}
	for _, f := range files {
		if f.name == "" {
			continue
		}
		path, ok := u.beside(f.name)
		if !ok {
			u.problems = append(u.problems, fmt.Sprintf("%s: %s", f.name, fs.ErrNotExist))
			continue
		}
		some, err := readConfig(path, f.read)
		if err != nil {
			return nil, err
		}
		bad = append(bad, some...)
	}
	return bad, nil
}

// lists are what the settings say of the lists that rules ask about; their files lie in dir.
func (u *suricata) lists(dir string) rules.ListOptions {
	d := &u.Datasets
	o := rules.ListOptions{Dir: dir, AnyPath: d.AnyPath, NoWrite: !d.AllowWrite, Memcap: int64(min(d.Memcap, 1<<30)), Places: d.HashSize,
		MostPlaces: d.MostPlaces, AllPlaces: d.AllPlaces, From: u.file}
	for _, l := range d.Lists {
		x := rules.ListDef{Name: l.Name, Type: l.Type, State: l.State, Save: l.Save, Memcap: l.Memcap, Places: l.HashSize}
		if l.Load != "" {
			x.Load, _ = u.beside(l.Load)
		}
		o.Defined = append(o.Defined, x)
	}
	return o
}

// analyzers are the protocols that the settings leave switched on. One of which only the connections are to be recognised
// reads nothing of them.
func (u *suricata) analyzers(all []analyzer.Def) []analyzer.Def {
	if u == nil {
		return all
	}
	var on []analyzer.Def
	for _, d := range all {
		for name, p := range u.Protocols {
			if !sameProtocol(name, &d) {
				continue
			}
			switch p.Enabled {
			case lang.Off:
				d.Over = nil
			case lang.DetectionOnly:
				d = d.Mute()
			}
		}
		over := d.Over[:0:0]
		for _, t := range d.Over {
			if p := u.Protocols[d.Name+"."+t.String()]; p == nil || p.Enabled != lang.Off {
				over = append(over, t)
			}
		}
		if d.Over = over; len(over) > 0 {
			on = append(on, d)
		}
	}
	return on
}

// sameProtocol reports whether a section of app-layer.protocols speaks of a protocol.
func sameProtocol(section string, d *analyzer.Def) bool {
	return section == d.Name || section == d.App || section == "ikev2" && d.Name == "ike"
}

// engine sets what the settings say of packets, fragments, streams and connections.
func (u *suricata) engine(o *sensor.Options, checksumsGiven bool) {
	if u == nil {
		return
	}
	switch {
	case checksumsGiven:
	case u.Checksum != "":
		o.Checksums = checksumModes[u.Checksum]
	case !u.Stream.ChecksumValidation:
		o.Checksums = packet.ChecksumsNone
	}
	o.StreamDepth, o.StreamInline = u.Stream.Depth, u.inline()
	o.Settings = map[string]int64{
		"http.request-body-limit":  int64(min(u.HTTP[0].RequestBodyLimit, math.MaxInt64)),
		"http.response-body-limit": int64(min(u.HTTP[0].ResponseBodyLimit, math.MaxInt64)),
	}
	if p := u.Protocols["tls"]; p != nil && p.Encryption == "full" {
		o.Settings["tls.inspect-encrypted"] = 1
	}
	maps.Copy(o.Settings, u.mails())
	maps.Copy(o.Settings, u.mqtt())
	o.NoMidstream = !u.Stream.Midstream
	o.Defrag.Timeout = time.Duration(u.Defrag.Timeout) * time.Second
	if u.Flow != lang.DefaultSettings().Flow { // where the file says nothing, connections are watched as long as findings need
		o.Timeouts = timeouts(&u.Flow)
	}
	streams, fragments := u.policies()
	if len(streams) > 0 {
		o.Overlap = stream.ByPrefix(streams)
	}
	if len(fragments) > 0 {
		o.Defrag.Policy = defrag.ByPrefix(fragments)
	}
	if d, ok := u.Decoder["vxlan"]; ok {
		switch {
		case d.Enabled == lang.Off:
			o.VXLANPorts = []uint16{}
		case d.Ports != "":
			o.VXLANPorts = somePorts(d.Ports, &u.Vars)
		}
	}
}

// mqtt is how MQTT is read and recorded.
func (u *suricata) mqtt() map[string]int64 {
	m := map[string]int64{}
	if p := u.Protocols["mqtt"]; p != nil {
		m["mqtt.max-msg-length"], m["mqtt.max-tx"] = int64(min(p.MaxMsgLength, math.MaxInt64)), int64(p.MaxTx)
	}
	for i := range u.EVE {
		for k := range u.EVE[i].Types {
			t := &u.EVE[i].Types[k]
			if t.Name != "mqtt" {
				continue
			}
			m["mqtt.string-log-limit"] = max(m["mqtt.string-log-limit"], int64(min(t.StringLogLimit, math.MaxInt64)))
		}
	}
	return m
}

// inline says that records are to be as of a sensor that stands between the two sides of a connection.
func (u *suricata) inline() bool { return u != nil && u.Stream.Inline }

// mostPorts bounds the ports on which a tunnel is looked for.
const mostPorts = 64

func somePorts(expr string, vars *lang.Vars) []uint16 {
	set, err := lang.Ports(expr, vars)
	if err != nil {
		return nil
	}
	ports := []uint16{}
	for first, last := range set.All {
		for p := int(first); p <= int(last) && len(ports) < mostPorts; p++ {
			ports = append(ports, uint16(p))
		}
	}
	return ports
}

func timeouts(f *lang.FlowTimeouts) flow.Timeouts {
	s := func(n uint32) time.Duration { return time.Duration(n) * time.Second }
	return flow.Timeouts{TCPNew: s(f.TCP.New), TCPEstablished: s(f.TCP.Established), TCPClosing: s(f.TCP.Established), TCPClosed: s(f.TCP.Closed),
		UDPNew: s(f.UDP.New), UDPEstablished: s(f.UDP.Established), OtherNew: s(f.Default.New), OtherAnswered: s(f.Default.Established)}
}

// policies are the ways of hosts with overlapping data. A name that is not known is told.
func (u *suricata) policies() (streams []stream.Rule, fragments []defrag.Rule) {
	for _, h := range u.HostOS {
		set, err := lang.Addrs(h.Addrs, &u.Vars)
		sp, ok := stream.ParsePolicy(h.Policy)
		if err != nil || !ok {
			u.problems = append(u.problems, fmt.Sprintf("host-os-policy.%s: no such way with overlapping data is known here", h.Policy))
			continue
		}
		fp, ok := defrag.ParsePolicy(h.Policy)
		if !ok {
			fp = defrag.PolicyBSD
		}
		for _, p := range set.Prefixes() {
			streams = append(streams, stream.Rule{Prefix: p, Policy: sp})
			fragments = append(fragments, defrag.Rule{Prefix: p, Policy: fp})
		}
	}
	return streams, fragments
}

// records are the records of EVE that the settings ask for; nil: all.
func (u *suricata) records() *output.Records {
	if u == nil || len(u.EVE) == 0 {
		return nil
	}
	r := &output.Records{}
	for _, l := range u.EVE {
		for i := range l.Types {
			t := &l.Types[i]
			switch t.Name {
			case "files":
				r.Add("fileinfo")
			case "ftp":
				r.Add("ftp", "ftp_data")
			case "ikev2":
				r.Add("ike")
			case "anomaly":
				for word, on := range map[string]bool{"decode": t.Anomaly.Decode, "stream": t.Anomaly.Stream, "applayer": t.Anomaly.AppLayer} {
					if on {
						r.Add("anomaly." + word)
					}
				}
			case "alert":
				r.Add("alert")
				if t.Alert.TaggedPackets {
					r.Add("packet")
				}
			default:
				r.Add(strings.ReplaceAll(t.Name, "-", "_"))
			}
		}
	}
	return r
}

// homeNet is HOME_NET as prefixes, for detectors; nil where the settings do not say it, or say more than networks.
func (u *suricata) homeNet() []netip.Prefix {
	if u == nil || u.Vars.Addrs["HOME_NET"] == "" {
		return nil
	}
	set, err := lang.Addrs("$HOME_NET", &u.Vars)
	if err != nil || set.Any() {
		return nil
	}
	return slices.Clip(set.Prefixes())
}
