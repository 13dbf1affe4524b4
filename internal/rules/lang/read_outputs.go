package lang

// outputs reads eve-log and file-store; other outputs that are switched on stay unread and so are named as ignored.
func (s *settingsReader) outputs(v view) {
	if !v.given() {
		return
	}
	for _, item := range v.list() {
		names, values := item.entries()
		for i, n := range names {
			out := values[i]
			enabled := out.given()
			out.flag("enabled", &enabled)
			switch {
			case !enabled:
				out.done()
			case n == "eve-log":
				s.EVE = append(s.EVE, eveLog(out))
			case n == "file-store":
				s.fileStore(out)
			default:
				out.n.read = false
			}
		}
	}
}

// entries are the keys of an item of a list, or the item itself where it is a word alone.
func (v view) entries() (names []string, values []view) {
	if v.given() && v.n.kind == scalar {
		w, _ := v.word()
		return []string{w}, []view{{s: v.s, n: &node{line: v.n.line}, path: join(v.path, w)}}
	}
	return v.keys()
}

func (s *settingsReader) fileStore(v view) {
	f := &s.FileStore
	f.Enabled, f.Dir = true, "filestore"
	v.key("version")
	v.str("dir", &f.Dir)
	v.flag("force-filestore", &f.Force)
	v.flag("write-fileinfo", &f.WriteFileInfo)
	v.flag("force-magic", &f.ForceMagic)
	v.words("force-hash", &f.ForceHash)
	v.size("stream-depth", &f.StreamDepth)
}

func eveLog(v view) EVELog {
	e := EVELog{Filename: "eve.json", FileType: "regular", Metadata: true}
	v.str("filename", &e.Filename)
	v.str("filetype", &e.FileType)
	v.flag("community-id", &e.CommunityID)
	v.count("community-id-seed", &e.CommunityIDSeed)
	v.flag("ethernet", &e.Ethernet)
	v.flag("metadata", &e.Metadata)
	v.flag("pcap-file", &e.PCAPFile)
	v.flag("ipv6-compress", &e.IPv6Compress)
	v.key("xff").xff(&e.XFF)
	types := v.key("types")
	if !types.given() {
		return e
	}
	for _, item := range types.list() {
		names, values := item.entries()
		if len(names) == 0 {
			continue
		}
		// An item has one key. What stands beside it, often by wrong indentation, means nothing to Suricata.
		for _, beside := range values[1:] {
			beside.n.read = false
		}
		enabled := true
		if values[0].n.kind == mapping {
			values[0].flag("enabled", &enabled)
		}
		if !enabled {
			values[0].done()
			continue
		}
		e.Types = append(e.Types, eveType(lower(names[0]), values[0], e.XFF))
	}
	return e
}

func (v view) xff(x *XFF) {
	if !v.given() {
		return
	}
	if *x == (XFF{}) {
		*x = XFF{Mode: "extra-data", Deployment: "reverse", Header: "X-Forwarded-For"}
	}
	v.flag("enabled", &x.Enabled)
	v.str("mode", &x.Mode)
	v.str("deployment", &x.Deployment)
	v.str("header", &x.Header)
}

func eveType(name string, v view, xff XFF) EVEType {
	t := newEVEType(name)
	t.XFF = xff
	switch name {
	case "alert":
		eveAlert(v, &t.Alert)
	case "anomaly":
		types := v.key("types")
		types.flag("decode", &t.Anomaly.Decode)
		types.flag("stream", &t.Anomaly.Stream)
		types.flag("applayer", &t.Anomaly.AppLayer)
		v.flag("packethdr", &t.Anomaly.PacketHeader)
	case "dns":
		v.count("version", &t.DNS.Version)
		v.flag("requests", &t.DNS.Requests)
		v.flag("responses", &t.DNS.Responses)
		v.words("formats", &t.DNS.Formats)
		v.words("types", &t.DNS.RRTypes)
		v.words("custom", &t.Custom)
	case "http":
		v.flag("extended", &t.Extended)
		v.words("custom", &t.Custom)
		v.str("dump-all-headers", &t.DumpHeaders)
	case "tls":
		v.flag("extended", &t.Extended)
		v.words("custom", &t.Custom)
		v.flag("ja3", &t.JA3)
		v.flag("ja4", &t.JA4)
		v.flag("session-resumption", &t.SessionResumption)
	case "smtp":
		v.flag("extended", &t.Extended)
		v.words("custom", &t.Custom)
		v.words("md5", &t.Hashed)
	case "dhcp":
		v.flag("extended", &t.Extended)
	case "smb":
		v.words("types", &t.Kinds)
	case "mqtt", "pgsql":
		v.size("string-log-limit", &t.StringLogLimit)
	case "files":
		v.flag("force-magic", &t.Files.ForceMagic)
		v.words("force-hash", &t.Files.ForceHash)
	case "drop":
		v.flag("alerts", &t.Drop.Alerts)
		v.flag("verdict", &t.Drop.Verdict)
		v.str("flows", &t.Drop.Flows)
	case "stats":
		v.flag("totals", &t.Stats.Totals)
		v.flag("threads", &t.Stats.Threads)
		v.flag("deltas", &t.Stats.Deltas)
		v.flag("null-values", &t.Stats.NullValues)
	case "flow":
		v.flag("exception-policy", &t.ExceptionPolicy)
	}
	switch name {
	case "alert", "http", "files", "drop":
		v.key("xff").xff(&t.XFF)
	}
	return t
}

func eveAlert(v view, a *EVEAlert) {
	v.flag("payload", &a.Payload)
	v.flag("payload-printable", &a.PayloadPrintable)
	v.flag("payload-length", &a.PayloadLength)
	v.size("payload-buffer-size", &a.PayloadBuffer)
	v.flag("packet", &a.Packet)
	v.flag("http-body", &a.HTTPBody)
	v.flag("http-body-printable", &a.HTTPBodyPrintable)
	v.flag("websocket-payload", &a.WebsocketPayload)
	v.flag("websocket-payload-printable", &a.WebsocketPrintable)
	v.flag("tagged-packets", &a.TaggedPackets)
	v.flag("verdict", &a.Verdict)
	m := v.key("metadata")
	if m.given() && m.n.kind == scalar {
		all := true
		v.flag("metadata", &all)
		if !all {
			a.AppLayer, a.Flow, a.RuleMetadata = false, false, false
		}
		return
	}
	m.flag("app-layer", &a.AppLayer)
	m.flag("flow", &a.Flow)
	rule := m.key("rule")
	if rule.given() && rule.n.kind == scalar {
		m.flag("rule", &a.RuleMetadata)
		return
	}
	rule.flag("metadata", &a.RuleMetadata)
	rule.flag("raw", &a.RuleRaw)
	rule.flag("reference", &a.RuleReference)
}
