package lang

func (s *settingsReader) stream(v view) {
	v = v.key("stream")
	t := &s.Stream
	v.flag("checksum-validation", &t.ChecksumValidation)
	v.flag("midstream", &t.Midstream)
	v.flag("async-oneside", &t.AsyncOneside)
	inline := "no"
	v.either("inline", &inline)
	t.Inline = inline == "yes"
	v.flag("drop-invalid", &t.DropInvalid)
	v.flag("bypass", &t.Bypass)
	v.str("midstream-policy", &t.MidstreamPolicy)
	v = v.key("reassembly")
	v.size("depth", &t.Depth)
	v.count("toserver-chunk-size", &t.ToServerChunk)
	v.count("toclient-chunk-size", &t.ToClientChunk)
	v.flag("randomize-chunk-size", &t.RandomizeChunk)
	v.flag("raw", &t.Raw)
	v.key("urgent").str("policy", &t.UrgentPolicy)
}

func (s *settingsReader) timeouts(v view) {
	d := v.key("defrag")
	d.count("timeout", &s.Defrag.Timeout)
	d.count("max-frags", &s.Defrag.MaxFrags)
	f := v.key("flow-timeouts")
	for _, p := range []struct {
		name string
		to   *Timeouts
	}{{"default", &s.Flow.Default}, {"tcp", &s.Flow.TCP}, {"udp", &s.Flow.UDP}, {"icmp", &s.Flow.ICMP}} {
		k := f.key(p.name)
		k.count("new", &p.to.New)
		k.count("established", &p.to.Established)
		k.count("closed", &p.to.Closed)
		k.count("bypassed", &p.to.Bypassed)
	}
}

func (s *settingsReader) hosts(v view) {
	names, values := v.key("host-os-policy").keys()
	for i, n := range names {
		e, ok := values[i].expression()
		if !ok || e == "[]" || e == "" {
			continue
		}
		if _, err := Addrs(e, nil); err != nil {
			values[i].bad("%s", err)
			continue
		}
		s.HostOS = append(s.HostOS, HostOS{Policy: lower(n), Addrs: e})
	}
}

func (s *settingsReader) decoders(v view) {
	for _, name := range []string{"teredo", "vxlan", "geneve", "erspan"} {
		k := v.key("decoder").key(name)
		if !k.given() {
			continue
		}
		var d Decoder
		k.state("enabled", &d.Enabled)
		k.ports("ports", &d.Ports)
		s.Decoder[name] = d
	}
}

// ports reads a port expression and complains of one that is none.
func (v view) ports(name string, to *string) {
	k := v.key(name)
	e, ok := k.expression()
	if !ok {
		return
	}
	if _, err := Ports(e, &v.s.Vars); err != nil {
		k.bad("%s", err)
		return
	}
	*to = e
}

func (s *settingsReader) protocols(v view) {
	names, values := v.keys()
	for i, n := range names {
		p := values[i]
		s.protocol(n, p)
		switch n {
		case "dns":
			s.protocol("dns.tcp", p.key("tcp"))
			s.protocol("dns.udp", p.key("udp"))
		case "http":
			s.http(p.key("libhtp"))
		case "smtp":
			s.smtp(p)
		}
	}
}

func (s *settingsReader) protocol(name string, v view) {
	if !v.given() {
		return
	}
	if v.n.kind != mapping {
		v.blame()
		return
	}
	p := &Protocol{}
	v.state("enabled", &p.Enabled)
	ports := v.key("detection-ports")
	if ports.given() && ports.n.kind != mapping {
		v.ports("detection-ports", &p.DstPorts)
	} else {
		ports.ports("dp", &p.DstPorts)
		ports.ports("sp", &p.SrcPorts)
	}
	v.str("encryption-handling", &p.Encryption)
	v.either("ja3-fingerprints", &p.JA3)
	v.either("ja4-fingerprints", &p.JA4)
	v.either("hassh", &p.HASSH)
	v.count("max-tx", &p.MaxTx)
	v.size("max-msg-length", &p.MaxMsgLength)
	v.flag("http1-rules", &p.HTTP1Rules)
	if d := v.key("stream-depth"); d.given() {
		n := uint64(0)
		v.size("stream-depth", &n)
		p.StreamDepth = &n
	}
	s.Protocols[name] = p
}

func (s *settingsReader) http(v view) {
	s.httpServer(v.key("default-config"), &s.HTTP[0])
	servers := v.key("server-config")
	if !servers.given() {
		return
	}
	for _, item := range servers.list() {
		names, values := item.keys()
		for i, n := range names {
			h := s.HTTP[0]
			h.Name = n
			s.httpServer(values[i], &h)
			values[i].expr("address", &h.Addrs)
			if _, err := Addrs(h.Addrs, &s.Vars); err != nil {
				values[i].key("address").bad("%s", err)
				continue
			}
			s.HTTP = append(s.HTTP, h)
		}
	}
}

func (s *settingsReader) httpServer(v view, h *HTTPServer) {
	v.str("personality", &h.Personality)
	h.Personality = lower(h.Personality)
	v.size("request-body-limit", &h.RequestBodyLimit)
	v.size("response-body-limit", &h.ResponseBodyLimit)
	v.size("request-body-minimal-inspect-size", &h.RequestMinInspect)
	v.size("request-body-inspect-window", &h.RequestWindow)
	v.size("response-body-minimal-inspect-size", &h.ResponseMinInspect)
	v.size("response-body-inspect-window", &h.ResponseWindow)
	v.either("http-body-inline", &h.BodyInline)
	v.count("response-body-decompress-layer-limit", &h.DecompressLayers)
	v.flag("double-decode-path", &h.DoubleDecodePath)
	v.flag("double-decode-query", &h.DoubleDecodeQuery)
	v.flag("lzma-enabled", &h.LZMA)
	v.size("compression-bomb-limit", &h.CompressionBomb)
	v.size("meta-field-limit", &h.MetaFieldLimit)
	swf := v.key("swf-decompression")
	swf.flag("enabled", &h.SWFDecompression)
	swf.str("type", &h.SWFType)
	swf.size("compress-depth", &h.SWFCompressDepth)
	swf.size("decompress-depth", &h.SWFDecompressDepth)
}

func (s *settingsReader) smtp(v view) {
	m := &s.SMTP
	v.flag("raw-extraction", &m.RawExtraction)
	mime := v.key("mime")
	mime.flag("decode-mime", &m.DecodeMIME)
	mime.flag("decode-base64", &m.Base64)
	mime.flag("decode-quoted-printable", &m.QuotedPrintable)
	mime.flag("extract-urls", &m.ExtractURLs)
	mime.flag("log-url-scheme", &m.LogURLScheme)
	mime.words("extract-urls-schemes", &m.URLSchemes)
	mime.count("header-value-depth", &m.HeaderValueDepth)
	mime.either("body-md5", &m.BodyMD5)
	t := v.key("inspected-tracker")
	t.size("content-limit", &m.ContentLimit)
	t.size("content-inspect-min-size", &m.InspectMin)
	t.size("content-inspect-window", &m.InspectWindow)
}

// datasets reads the section on the lists that rules ask about; what is neither defaults, limits nor rules is a list.
func (s *settingsReader) datasets(v view) {
	d := &s.Datasets
	names, values := v.keys()
	for i, name := range names {
		switch k := values[i]; name {
		case "defaults":
			k.size("memcap", &d.Memcap)
			k.count("hashsize", &d.HashSize)
		case "limits":
			k.count("single-hashsize", &d.MostPlaces)
			k.count("total-hashsizes", &d.AllPlaces)
		case "rules":
			k.flag("allow-absolute-filenames", &d.AnyPath)
			k.flag("allow-write", &d.AllowWrite)
		case "enabled":
			var on bool
			v.flag("enabled", &on)
		default:
			l := Dataset{Name: name}
			k.str("type", &l.Type)
			k.str("load", &l.Load)
			k.str("state", &l.State)
			k.str("save", &l.Save)
			k.str("memcap", &l.Memcap)
			k.str("hashsize", &l.HashSize)
			d.Lists = append(d.Lists, l)
		}
	}
}
