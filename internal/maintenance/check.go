package maintenance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Agent is the name under which the checker asks: crawlers are told the same as it is, or the server tells them apart.
const Agent = "Mozilla/5.0 (compatible; firestorm-maintenance-check/1.0)"

// maxBody bounds what is read of an answer in bytes.
const maxBody = 1 << 20

// CheckOptions say what is asked, and what the right answer is.
type CheckOptions struct {
	Up       bool // the site should be back; else it should be in maintenance
	Insecure bool // certificates are not judged
	Since    time.Time
	Now      func() time.Time // the hour of an answer
	Timeout  time.Duration    // of a request; 0: ten seconds
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error)
	Variants bool // the other ways to call the site: with and without www, http and https
}

// Answer is what one request was told.
type Answer struct {
	Method     string `json:"method"`
	URL        string `json:"url"`
	Proto      string `json:"proto,omitempty"`
	Status     int    `json:"status,omitempty"`
	RetryAfter string `json:"retry_after,omitempty"`
	Cache      string `json:"cache_control,omitempty"`
	Type       string `json:"content_type,omitempty"`
	Location   string `json:"location,omitempty"`
	Length     int64  `json:"length"`
	Error      string `json:"error,omitempty"`
	Why        string `json:"asked_for"` // what the request is to find out
	body       string
	modified   bool
	at         time.Time
	aside      bool // a variant: that it does not exist is no fault
}

// Verdict is the outcome for one URL.
type Verdict struct {
	URL      string   `json:"url"`
	Right    bool     `json:"right"`
	Answers  []Answer `json:"answers"`
	Problems []string `json:"problems,omitempty"` // what is wrong
	Warnings []string `json:"warnings,omitempty"` // what may become wrong
}

// Check asks a site as a crawler does and judges what it says. An error is a URL that cannot be asked at all.
func Check(ctx context.Context, raw string, o CheckOptions) (*Verdict, error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("wanted is a URL of http or https")
	}
	u.Fragment, u.User = "", nil
	if u.Path == "" {
		u.Path = "/"
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	c := &checker{CheckOptions: o, v: &Verdict{URL: u.String()}}
	c.ask(ctx, u)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c.judge()
	c.v.Right = len(c.v.Problems) == 0
	return c.v, nil
}

type checker struct {
	CheckOptions
	v *Verdict
}

// ask sends all requests, one after the other: a site in trouble is not to be hurried.
func (c *checker) ask(ctx context.Context, u *url.URL) {
	at := func(path string) *url.URL {
		n := *u
		n.Path, n.RawPath, n.RawQuery = path, "", ""
		return &n
	}
	one := c.client(false)
	defer one.CloseIdleConnections()
	c.send(ctx, one, "GET", u, "", "the page")
	c.send(ctx, one, "HEAD", u, "", "HEAD says the same as GET")
	if u.Path != "/" {
		c.send(ctx, one, "GET", at("/"), "", "the front page")
	}
	c.send(ctx, one, "GET", at("/firestorm-check-of-a-page-that-is-not-there"), "", "every address says it, not the front page alone")
	c.send(ctx, one, "GET", at("/robots.txt"), "", "what crawlers ask for first")
	c.send(ctx, one, "GET", u, "application/json", "programs that want JSON")
	if u.Scheme == "https" {
		two := c.client(true)
		defer two.CloseIdleConnections()
		c.send(ctx, two, "GET", u, "", "HTTP/2")
	}
	if c.Variants {
		for _, n := range variants(u) {
			c.send(ctx, one, "GET", n, "", "the site by another name")
			c.v.Answers[len(c.v.Answers)-1].aside = true
		}
	}
}

// variants are the other addresses by which people and crawlers may come.
func variants(u *url.URL) []*url.URL {
	if net.ParseIP(u.Hostname()) != nil || !strings.Contains(u.Hostname(), ".") {
		return nil
	}
	www := *u
	if rest, ok := strings.CutPrefix(u.Host, "www."); ok {
		www.Host = rest
	} else {
		www.Host = "www." + u.Host
	}
	out := []*url.URL{&www}
	if u.Port() == "" {
		other := *u
		other.Scheme = map[string]string{"http": "https", "https": "http"}[u.Scheme]
		out = append(out, &other)
	}
	return out
}

// client makes one that follows no redirect: where it leads is part of the answer.
func (c *checker) client(two bool) *http.Client {
	t := &http.Transport{DialContext: c.Dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: c.Insecure}, ForceAttemptHTTP2: two, DisableCompression: true}
	if !two {
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return &http.Client{Transport: t, Timeout: c.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (c *checker) send(ctx context.Context, cl *http.Client, method string, u *url.URL, accept, why string) {
	a := Answer{Method: method, URL: u.String(), Why: why}
	defer func() { c.v.Answers = append(c.v.Answers, a) }()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		a.Error = err.Error()
		return
	}
	req.Header.Set("User-Agent", Agent)
	if accept == "" {
		accept = "text/html,*/*;q=0.8"
	}
	req.Header.Set("Accept", accept)
	resp, err := cl.Do(req)
	if err != nil {
		a.Error = reason(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		a.Error = "the answer broke off: " + reason(err)
	}
	a.Proto, a.Status, a.Length = resp.Proto, resp.StatusCode, int64(len(body))
	a.RetryAfter, a.Cache, a.Type, a.Location = resp.Header.Get("Retry-After"), strings.Join(resp.Header.Values("Cache-Control"), ", "), resp.Header.Get("Content-Type"), resp.Header.Get("Location")
	a.modified = resp.Header.Get("Last-Modified") != "" || resp.Header.Get("Expires") != ""
	a.body = string(body)
	a.at = c.Now()
}

// reason takes the repetition out of an error of net/http.
func reason(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

func (c *checker) wrong(format string, a ...any) { c.v.Problems = add(c.v.Problems, format, a...) }
func (c *checker) warn(format string, a ...any)  { c.v.Warnings = add(c.v.Warnings, format, a...) }

func add(l []string, format string, a ...any) []string {
	s := fmt.Sprintf(format, a...)
	for _, x := range l {
		if x == s {
			return l
		}
	}
	return append(l, s)
}
