//go:build linux

package web

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// TokenName is the name of the token's file in the folder of the store.
const TokenName = "console.token"

// minToken is the least number of characters of a token.
const minToken = 32

// ErrLoose is the error for a token that others may read.
var ErrLoose = errors.New("others may read it: chmod 600 it, or remove it to have a new one made")

// Token reads the token in file, and makes the file when it is missing: made says so.
func Token(file string) (token string, made bool, err error) {
	var raw [32]byte
	rand.Read(raw[:])
	fresh := base64.RawURLEncoding.EncodeToString(raw[:])
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	switch {
	case err == nil:
		_, err = f.WriteString(fresh + "\n")
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			os.Remove(file)
			return "", false, err
		}
		return fresh, true, nil
	case !errors.Is(err, fs.ErrExist):
		if _, statErr := os.Stat(file); statErr != nil {
			return "", false, err
		}
	}
	// Whether it may be made says nothing of whether it may be read: the folder may be another's.
	f, err = os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", false, err
	}
	if !st.Mode().IsRegular() {
		return "", false, &fs.PathError{Op: "read", Path: file, Err: errors.New("it is no regular file")}
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", false, &fs.PathError{Op: "read", Path: file, Err: ErrLoose}
	}
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", false, err
	}
	t := string(bytes.TrimSpace(b))
	if len(t) < minToken || strings.ContainsAny(t, " \t\r\n\"&+%#?") {
		return "", false, &fs.PathError{Op: "read", Path: file, Err: fmt.Errorf("it holds no token: one line of %d characters or more that may stand in a link; remove it to have a new one made", minToken)}
	}
	return t, false, nil
}

// ErrNotLoopback is the error for an address that other machines reach.
var ErrNotLoopback = errors.New("the console listens on loopback only, such as 127.0.0.1:8787; put a proxy with TLS and a login of its own in front of unix:PATH for others, or use ssh -L")

// Listen opens an address: HOST:PORT of loopback, or unix:PATH.
func Listen(addr string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return listenUnix(path)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if host == "localhost" {
		host = "127.0.0.1" // not what a resolver says
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.Unmap().IsLoopback() {
		return nil, ErrNotLoopback
	}
	return net.Listen("tcp", net.JoinHostPort(host, port))
}

// listenUnix opens a socket that the owner and the group may use. One that nobody answers on is taken away first.
func listenUnix(path string) (net.Listener, error) {
	if !filepath.IsAbs(path) {
		return nil, &fs.PathError{Op: "listen", Path: path, Err: errors.New("the path of a socket begins with /")}
	}
	if st, err := os.Lstat(path); err == nil && st.Mode().Type() == fs.ModeSocket {
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			c.Close()
			return nil, &fs.PathError{Op: "listen", Path: path, Err: syscall.EADDRINUSE}
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(path)
		}
	}
	old := syscall.Umask(0o177) // nobody gets in before the mode is set
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// guard lets in who has the token.
type guard struct {
	token  [sha256.Size]byte // what is compared has one length whatever somebody sends
	cookie string            // what the browser keeps: the token is not in it
	names  map[string]bool
}

func newGuard(token string, names []string) guard {
	h := hmac.New(sha256.New, []byte(token))
	h.Write([]byte("firestorm console cookie 1"))
	g := guard{token: sha256.Sum256([]byte(token)), cookie: hex.EncodeToString(h.Sum(nil)), names: map[string]bool{}}
	for _, n := range names {
		g.names[strings.ToLower(n)] = true
	}
	return g
}

func (g *guard) fits(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], g.token[:]) == 1
}

// host splits the name that a browser asked for from its port, and says whether it is one of ours: a name of somebody else
// that leads to this machine (DNS rebinding) is none.
func (g *guard) host(r *http.Request) (port string, loopback, ok bool) {
	name := r.Host
	if h, p, err := net.SplitHostPort(name); err == nil {
		name, port = h, p
	}
	name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	if ip, err := netip.ParseAddr(name); err == nil && ip.Unmap().IsLoopback() || name == "localhost" {
		return port, true, true // any port: ssh -L may have another one
	}
	return port, false, g.names[name]
}

// cookieName has the port in it: browsers give cookies of one host to all its ports.
func cookieName(port string) string {
	for _, c := range port {
		if c < '0' || c > '9' {
			return "firestorm"
		}
	}
	return "firestorm" + port
}

// policy is the Content-Security-Policy: nothing but our own files, no frame around us, nothing inline.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// headers are the same for every answer.
func headers(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// guarded checks who asks, and how, before next sees the request.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w.Header())
		port, loopback, ok := s.guard.host(r)
		if !ok {
			http.Error(w, "The console does not know itself by this name. Use http://127.0.0.1 or http://localhost, or firestorm serve --name NAME behind a proxy.", http.StatusMisdirectedRequest)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "The console changes nothing: it answers GET.", http.StatusMethodNotAllowed)
			return
		}
		if a := assets[r.URL.Path]; a != nil { // they are in the program, and no secret
			w.Header().Set("Content-Type", a.kind)
			w.Write(a.body)
			return
		}
		if token := r.URL.Query().Get("token"); token != "" && r.URL.Path == "/" {
			if !s.guard.fits(token) {
				s.stranger(w, r, http.StatusForbidden)
				return
			}
			http.SetCookie(w, &http.Cookie{Name: cookieName(port), Value: s.guard.cookie, Path: "/", HttpOnly: true, Secure: !loopback, SameSite: http.SameSiteStrictMode, MaxAge: 30 * 24 * 3600})
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		c, err := r.Cookie(cookieName(port))
		if err != nil || subtle.ConstantTimeCompare([]byte(c.Value), []byte(s.guard.cookie)) != 1 {
			s.stranger(w, r, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
