package web

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"
)

// Tunables.
const (
	// slot is how finely time is cut.
	slot = 5 * time.Minute
	// alike is how many addresses with answers of one length look like one page.
	alike = 4
	// share is which part of the pages of a slot have to be that one, in hundredths.
	share = 80
	// smallPage is how large a maintenance page is at most in bytes.
	smallPage = 64 << 10
	// proof is how many of the addresses have to have shown another page before or after.
	proof = 3
	// gap is how long nobody may ask while it goes on.
	gap = 2 * time.Hour
	// longRefusal is how long a 503 can go on before search engines begin to forget.
	longRefusal = 24 * time.Hour
	// Bounds.
	maxLine  = 64 << 10
	maxPaths = 200_000 // of all sites
	maxSites = 1000
	maxSlots = 300_000
	keptIn   = 24 // addresses of one length in a slot
	keptLens = 16 // lengths in a slot
	keptSize = 4  // other lengths of an address
)

// crawlers name themselves in their user agents.
var crawlers = []string{"Googlebot", "bingbot", "Applebot", "YandexBot", "Baiduspider", "DuckDuckBot", "Yahoo! Slurp", "GPTBot", "ClaudeBot", "Amazonbot", "archive.org_bot", "AhrefsBot", "SemrushBot", "facebookexternalhit", "PetalBot", "CCBot"}

// assets are what pages show, not pages.
var assets = []string{".css", ".js", ".mjs", ".map", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".ico", ".woff", ".woff2", ".ttf", ".otf", ".mp4", ".webm", ".mp3", ".pdf", ".zip", ".gz", ".txt", ".xml", ".json"}

func isPage(path string) bool {
	low := strings.ToLower(path)
	for _, a := range assets {
		if strings.HasSuffix(low, a) {
			return false
		}
	}
	return strings.HasPrefix(path, "/")
}

func crawler(agent string) string {
	low := strings.ToLower(agent)
	for _, c := range crawlers {
		if strings.Contains(low, strings.ToLower(c)) {
			return c
		}
	}
	return ""
}

// Log collects what logs say, in any order of files and lines.
type Log struct {
	Lines   uint64 // requests that were understood
	Skipped uint64 // lines that were not
	Dropped uint64 // requests for which there was no room
	sites   map[string]*site
	paths   int
	slots   int
}

type site struct {
	name  string
	slots map[int64]*period
	paths map[string]*history
}

// history are the lengths of an address's page, each with its first and last slot.
type history struct {
	sizes [keptSize]seen
	n     int
}

type seen struct {
	size        int64
	first, last int64
}

// period is what happened in a slot.
type period struct {
	pages   int // pages with 200
	refused int // 503
	by      []length
	robots  map[string]int // crawlers that got a 503
}

// length are the pages of one length.
type length struct {
	size  int64
	count int
	paths []string
	more  bool // more addresses than are kept
	crawl map[string]int
}

// New returns an empty log.
func New() *Log { return &Log{sites: map[string]*site{}} }

// Read reads a log, plain or packed with gzip.
func (l *Log) Read(r io.Reader) error {
	br := bufio.NewReader(r)
	if magic, err := br.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(br)
		if err != nil {
			return err
		}
		br = bufio.NewReader(z)
	}
	for {
		line, err := readLine(br)
		if line != "" {
			l.add(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readLine reads a line of bounded length; what is longer is cut, and so is no request.
func readLine(br *bufio.Reader) (string, error) {
	var b []byte
	for {
		part, err := br.ReadSlice('\n')
		if len(b) < maxLine {
			b = append(b, part...)
		}
		if err != bufio.ErrBufferFull {
			return strings.TrimRight(string(b), "\r\n"), err
		}
	}
}

func (l *Log) add(line string) {
	r, ok := parse(line)
	if !ok || len(line) >= maxLine {
		l.Skipped++
		return
	}
	l.Lines++
	if r.method != "GET" || !isPage(r.path) || len(r.path) > 1024 || len(r.host) > 253 {
		return
	}
	s := l.sites[r.host]
	if s == nil {
		if len(l.sites) >= maxSites {
			l.Dropped++
			return
		}
		s = &site{name: strings.Clone(r.host), slots: map[int64]*period{}, paths: map[string]*history{}}
		l.sites[s.name] = s
	}
	n := r.at.Unix() / int64(slot/time.Second)
	p := s.slots[n]
	if p == nil {
		if l.slots >= maxSlots {
			l.Dropped++
			return
		}
		l.slots++
		p = &period{}
		s.slots[n] = p
	}
	who := crawler(r.agent)
	switch {
	case r.status == 503:
		p.refused++
		if who != "" {
			if p.robots == nil {
				p.robots = map[string]int{}
			}
			p.robots[who]++
		}
	case r.status == 200 && r.size > 0:
		p.page(&r, who)
		l.remember(s, &r, n)
	}
}

func (p *period) page(r *request, who string) {
	p.pages++
	if r.size > smallPage {
		return
	}
	i := slices.IndexFunc(p.by, func(x length) bool { return x.size == r.size })
	if i < 0 {
		if len(p.by) >= keptLens {
			return // a slot with many lengths is no maintenance
		}
		p.by = append(p.by, length{size: r.size})
		i = len(p.by) - 1
	}
	x := &p.by[i]
	x.count++
	if !slices.Contains(x.paths, r.path) {
		if len(x.paths) < keptIn {
			x.paths = append(x.paths, strings.Clone(r.path))
		} else {
			x.more = true
		}
	}
	if who != "" {
		if x.crawl == nil {
			x.crawl = map[string]int{}
		}
		x.crawl[who]++
	}
}

// remember keeps which lengths an address had, and when.
func (l *Log) remember(s *site, r *request, n int64) {
	h := s.paths[r.path]
	if h == nil {
		if l.paths >= maxPaths {
			l.Dropped++
			return
		}
		l.paths++
		h = &history{}
		s.paths[strings.Clone(r.path)] = h
	}
	for i := range h.n {
		if x := &h.sizes[i]; x.size == r.size {
			x.first, x.last = min(x.first, n), max(x.last, n)
			return
		}
	}
	if h.n < keptSize {
		h.sizes[h.n] = seen{r.size, n, n}
		h.n++
	}
}

// Day is a time in which a site was, by its log, in maintenance.
type Day struct {
	Site     string         `json:"site,omitempty"`
	From     time.Time      `json:"from"`
	To       time.Time      `json:"to"`
	Status   int            `json:"status"`               // what programs were told
	Size     int64          `json:"bytes,omitempty"`      // of the page, where it was 200
	Answers  int            `json:"answers"`              // with that status
	Paths    []string       `json:"addresses,omitempty"`  // some of them
	Changed  int            `json:"changed_addresses"`    // of them showed another page before or after
	Around   bool           `json:"other_pages_around"`   // both before and after
	Crawlers map[string]int `json:"crawlers,omitempty"`   // answers to each, by its own word
	Sure     string         `json:"confidence,omitempty"` // "likely" or "possible"; a log does not hold the page
}

// Days returns the times in which the sites were in maintenance, oldest first.
func (l *Log) Days() []Day {
	var out []Day
	for _, s := range l.sites {
		out = append(out, s.told200()...)
		out = append(out, s.told503()...)
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Site, b.Site), cmp.Compare(a.Status, b.Status)) < 0
	})
	return out
}

func (s *site) ordered() []int64 {
	var out []int64
	for n := range s.slots {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func start(n int64) time.Time { return time.Unix(n*int64(slot/time.Second), 0).UTC() }

// stretch is one time of one page, while it is put together.
type stretch struct {
	from, to int64
	size     int64
	count    int
	paths    map[string]bool
	more     bool
	crawl    map[string]int
}

// told200 joins slots in which one small page stands for nearly all.
func (s *site) told200() []Day {
	var out []Day
	var cur *stretch
	end := func() {
		if cur != nil {
			if d, ok := s.judge(cur); ok {
				out = append(out, d)
			}
		}
		cur = nil
	}
	for _, n := range s.ordered() {
		p := s.slots[n]
		if p.pages == 0 {
			continue
		}
		best := slices.MaxFunc(append([]length{{}}, p.by...), func(a, b length) int { return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(b.size, a.size)) })
		if best.count*100 < p.pages*share {
			end()
			continue
		}
		if cur != nil && (cur.size != best.size || time.Duration(n-cur.to)*slot > gap) {
			end()
		}
		if cur == nil {
			cur = &stretch{from: n, size: best.size, paths: map[string]bool{}, crawl: map[string]int{}}
		}
		cur.to = n
		cur.count += best.count
		cur.more = cur.more || best.more
		for _, q := range best.paths {
			if len(cur.paths) < 1000 {
				cur.paths[q] = true
			}
		}
		for who, k := range best.crawl {
			cur.crawl[who] += k
		}
	}
	end()
	return out
}

// judge asks whether the addresses of a stretch showed other pages at other times.
func (s *site) judge(c *stretch) (Day, bool) {
	if len(c.paths) < alike {
		return Day{}, false
	}
	d := Day{Site: s.name, From: start(c.from), To: start(c.to + 1), Status: 200, Size: c.size, Answers: c.count, Sure: "possible"}
	before, after := 0, 0
	for p := range c.paths {
		h := s.paths[p]
		if h == nil {
			continue
		}
		b, a := false, false
		for i := range h.n {
			x := h.sizes[i]
			if x.size == c.size {
				if x.first < c.from-int64(gap/slot) || x.last > c.to+int64(gap/slot) {
					b, a = false, false // it has this length at other times too: that is its page
					break
				}
				continue
			}
			b = b || x.first < c.from
			a = a || x.last > c.to
		}
		if b {
			before++
		}
		if a {
			after++
		}
		if a || b {
			d.Changed++
		}
	}
	if d.Changed == 0 && len(s.slots) > 0 && s.always(c) {
		return Day{}, false // one page at all addresses all the time: an application that draws itself
	}
	d.Around = before > 0 && after > 0
	if d.Changed >= proof && d.Changed*2 >= len(c.paths) {
		d.Sure = "likely"
	}
	for p := range c.paths {
		d.Paths = append(d.Paths, p)
	}
	slices.Sort(d.Paths)
	if len(d.Paths) > 8 {
		d.Paths = d.Paths[:8]
	}
	if len(c.crawl) > 0 {
		d.Crawlers = c.crawl
	}
	return d, true
}

// always reports that the addresses never had another length.
func (s *site) always(c *stretch) bool {
	for p := range c.paths {
		if h := s.paths[p]; h != nil && h.n > 1 {
			return false
		}
	}
	return true
}

// told503 joins slots with refusals and without pages.
func (s *site) told503() []Day {
	var out []Day
	var cur *Day
	last := int64(0)
	for _, n := range s.ordered() {
		p := s.slots[n]
		switch {
		case p.refused == 0 && p.pages == 0:
			continue
		case p.refused == 0 || p.pages > p.refused/4:
			cur = nil
			continue
		}
		if cur == nil || time.Duration(n-last)*slot > gap {
			out = append(out, Day{Site: s.name, From: start(n), Status: 503, Crawlers: map[string]int{}})
			cur = &out[len(out)-1]
		}
		last = n
		cur.To = start(n + 1)
		cur.Answers += p.refused
		for who, k := range p.robots {
			cur.Crawlers[who] += k
		}
	}
	return slices.DeleteFunc(out, func(d Day) bool { return d.Answers < alike })
}

// Long reports a refusal that went on for so long that search engines begin to forget the site.
func (d *Day) Long() bool { return d.Status == 503 && d.To.Sub(d.From) > longRefusal }

// Text says what happened in a sentence.
func (d *Day) Text() string {
	site := d.Site
	if site == "" {
		site = "the site"
	}
	when := fmt.Sprintf("%s to %s", d.From.Format("2006-01-02 15:04"), d.To.Format("15:04 MST"))
	if d.To.Sub(d.From) >= 24*time.Hour || d.From.Day() != d.To.Day() {
		when = fmt.Sprintf("%s to %s", d.From.Format("2006-01-02 15:04"), d.To.Format("2006-01-02 15:04 MST"))
	}
	if d.Status == 503 {
		return fmt.Sprintf("%s: %s answered 503 to %d requests, as a maintenance should", when, site, d.Answers)
	}
	return fmt.Sprintf("%s: %s showed one page of %d bytes at %d addresses or more, with status 200 (%d answers)", when, site, d.Size, len(d.Paths), d.Answers)
}
