// Package webhook posts findings to an address on the web, one request each.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"firestorm/internal/event"
	"firestorm/internal/finding"
	"firestorm/internal/output"
)

// Def is the output's entry in the list of outputs.
var Def = output.Def{
	Name: "webhook", About: "findings as JSON to an address on the web", Blocking: true,
	Drops: "findings below the wanted confidence and severity, and muted ones; what a receiver refuses, or does not take within a day",
	New: func(s output.Setup) (output.Output, error) {
		o, _ := s.Options.(Options)
		return New(o, s)
	},
}

// Options say where requests go.
type Options struct {
	URL           string           // https, or http
	Authorization string           // the header's value, a secret; empty: none
	MinSeverity   finding.Severity // findings below are left out; 0 = all
	Backoff       output.Backoff
	Transport     http.RoundTripper // nil: http.DefaultTransport
}

// wait bounds one request.
const wait = 20 * time.Second

// Output posts findings. It uses Setup.FindingJSON, MinConfidence, Application and Context.
type Output struct {
	o        Options
	s        output.Setup
	client   *http.Client
	body     []byte
	delivery output.Delivery
}

// New returns an output; the receiver need not be there yet.
func New(o Options, s output.Setup) (*Output, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("webhook: the address must begin with https:// or http:// and name a host")
	}
	if s.FindingJSON == nil {
		return nil, errors.New("webhook: nothing says how a finding is written")
	}
	if strings.ContainsAny(o.Authorization, "\r\n") {
		return nil, errors.New("webhook: the authorization is more than one line")
	}
	p := &Output{o: o, s: s, client: &http.Client{Timeout: wait, Transport: o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}} // findings go where they were told to
	p.delivery.Backoff = o.Backoff
	return p, nil
}

// Event writes nothing.
func (p *Output) Event(event.Event) error { return nil }

// Finding posts one finding, and tries again while the receiver is away. What was given up is counted in Health.
func (p *Output) Finding(f *finding.Finding) error {
	if !p.s.Shown(f, p.o.MinSeverity) {
		return nil
	}
	p.body = p.s.FindingJSON(p.body[:0], f)
	p.send(f.ID + "." + strconv.Itoa(max(f.Revision, 1)))
	return nil
}

// Alarm posts an alarm: {"type":"alarm","version":1,"kind":…,"since":…,"at":…,"text":…}.
func (p *Output) Alarm(a *output.Alarm) error {
	b := append(p.body[:0], `{"type":"alarm","version":1,"kind":`...)
	b = event.AppendJSONString(b, string(a.Kind))
	b = append(b, `,"since":"`...)
	b = a.Since.Std().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","at":"`...)
	b = a.At.Std().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","text":`...)
	b = event.AppendJSONString(b, a.Text)
	p.body = append(b, '}')
	p.send(fmt.Sprintf("%s.%d.%d", a.Kind, a.Since, a.At))
	return nil
}

func (p *Output) send(key string) {
	ctx := p.s.Ends()
	_ = p.delivery.Do(ctx, func() error { return p.try(ctx, key) })
}

// try posts the body once. The key is the same for every try of one revision of one finding: a receiver that took it
// before, and whose answer was lost, knows it again.
func (p *Output) try(ctx context.Context, key string) error {
	if ctx.Err() != nil {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(context.Background(), 200*time.Millisecond) // the last try
		defer stop()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.o.URL, bytes.NewReader(p.body))
	if err != nil {
		return &output.Permanent{Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", `"`+key+`"`)
	req.Header.Set("User-Agent", strings.ReplaceAll(p.s.Application, " ", "/"))
	if p.o.Authorization != "" {
		req.Header.Set("Authorization", p.o.Authorization)
	}
	res, err := p.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // the address may hold a secret
		}
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	return judge(res)
}

// judge tells what an answer means for trying again (RFC 9110 15.5, 15.6; RFC 6585 4).
func judge(res *http.Response) error {
	if res.StatusCode/100 == 2 {
		return nil
	}
	err := fmt.Errorf("the receiver answers %d %s", res.StatusCode, http.StatusText(res.StatusCode))
	switch {
	case res.StatusCode == 408, res.StatusCode == 425, res.StatusCode == 429, res.StatusCode >= 500:
		if n, bad := strconv.Atoi(res.Header.Get("Retry-After")); bad == nil && n > 0 {
			return &output.After{Err: err, Wait: time.Duration(min(n, 86400)) * time.Second}
		}
		return err
	}
	return &output.Permanent{Err: err}
}

// Flush does nothing: findings go at once.
func (p *Output) Flush() error { return nil }

// Close ends idle connections.
func (p *Output) Close() error {
	p.client.CloseIdleConnections()
	return nil
}

// Health says how the receiver is.
func (p *Output) Health() output.Health { return p.delivery.Health() }
