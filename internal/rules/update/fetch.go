package update

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Limits of what one source may cost.
const (
	mostDownload = 256 << 20 // bytes as they come
	mostUnpacked = 1 << 30   // bytes of all its files together
	mostFiles    = 4096
	mostHops     = 5 // redirects
)

// fetcher gets what sources give, and keeps a copy of each in a folder.
type fetcher struct {
	client *http.Client
	cache  string // folder of copies; empty: none are kept
	agent  string
	most   int64 // bytes
}

func newFetcher(cache, agent string, timeout time.Duration) *fetcher {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = timeout
	return &fetcher{cache: cache, agent: agent, most: mostDownload, client: &http.Client{Transport: t, Timeout: 10 * timeout,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > mostHops {
				return fmt.Errorf("more than %d redirects", mostHops)
			}
			if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
				return errors.New("it redirects from https to http")
			}
			return nil
		}}}
}

// keyOf names the copy of what an address gives. The address cannot be told from it.
func keyOf(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:])
}

// got is what a source gave.
type got struct {
	body  []byte
	etag  string
	key   string
	fresh bool // it is not the copy
}

// get gets what an address gives; where it has not changed since etag, the copy. sum says that its MD5 stands beside it.
func (f *fetcher) get(ctx context.Context, address, etag string, sum bool) (*got, error) {
	g := &got{key: keyOf(address), etag: etag}
	kept, err := f.copy(g.key)
	if err != nil {
		etag = ""
	}
	body, tag, same, err := f.ask(ctx, address, etag)
	switch {
	case err != nil:
		return nil, err
	case same:
		g.body = kept
		return g, nil
	}
	if sum {
		if err := f.check(ctx, address, body); err != nil {
			return nil, err
		}
	}
	g.body, g.etag, g.fresh = body, tag, true
	if f.cache != "" {
		if err := os.MkdirAll(f.cache, 0o700); err != nil {
			return nil, err
		}
		if err := replace(filepath.Join(f.cache, g.key), body); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (f *fetcher) copy(key string) ([]byte, error) {
	if f.cache == "" {
		return nil, os.ErrNotExist
	}
	return os.ReadFile(filepath.Join(f.cache, key))
}

// ask asks once. Its errors name the address as Redact writes it.
func (f *fetcher) ask(ctx context.Context, address, etag string) (body []byte, tag string, same bool, err error) {
	fail := func(err error) error {
		var ue *url.Error // it has the whole address in it
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return fmt.Errorf("%s: %w", Redact(address), err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", false, errors.New("the address cannot be used: " + Redact(address))
	}
	r.Header.Set("User-Agent", f.agent)
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	a, err := f.client.Do(r)
	if err != nil {
		return nil, "", false, fail(err)
	}
	defer a.Body.Close()
	switch {
	case a.StatusCode == http.StatusNotModified && etag != "":
		return nil, etag, true, nil
	case a.StatusCode != http.StatusOK:
		return nil, "", false, fail(fmt.Errorf("the server says %d", a.StatusCode))
	case a.ContentLength > f.most:
		return nil, "", false, fail(fmt.Errorf("%d bytes are more than the %d that are read", a.ContentLength, f.most))
	}
	body, err = io.ReadAll(io.LimitReader(a.Body, f.most+1))
	switch {
	case err != nil:
		return nil, "", false, fail(err)
	case int64(len(body)) > f.most:
		return nil, "", false, fail(fmt.Errorf("more than the %d bytes that are read", f.most))
	case a.ContentLength >= 0 && int64(len(body)) != a.ContentLength:
		return nil, "", false, fail(fmt.Errorf("%d of %d bytes came", len(body), a.ContentLength))
	}
	return body, a.Header.Get("ETag"), false, nil
}

// check compares a body with the MD5 that stands beside it. It finds broken copies, not forged ones: that is what https is for.
func (f *fetcher) check(ctx context.Context, address string, body []byte) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("the address cannot be used: " + Redact(address))
	}
	u.Path, u.RawPath = u.Path+".md5", ""
	text, _, _, err := f.ask(ctx, u.String(), "")
	if err != nil {
		return fmt.Errorf("its checksum: %w", err)
	}
	want, _, _ := strings.Cut(strings.TrimSpace(string(text[:min(len(text), 256)])), " ")
	sum := md5.Sum(body)
	if have := hex.EncodeToString(sum[:]); !strings.EqualFold(want, have) {
		return fmt.Errorf("%s: its MD5 is %s, and %.40q stands beside it", Redact(address), have, want)
	}
	return nil
}
