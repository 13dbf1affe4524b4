package seal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

func key(t *testing.T) (secret, public string) {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return k.String(), k.Recipient().String()
}

func file(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRoundTrip(t *testing.T) {
	s1, p1 := key(t)
	s2, p2 := key(t)
	s3, _ := key(t)
	r, err := ParseRecipients([]string{p1, file(t, "# ours\n\n"+p2+"\n")})
	if err != nil {
		t.Fatal(err)
	}
	same, err := ParseRecipients([]string{p2, p1})
	if err != nil || same.ID != r.ID {
		t.Errorf("the same recipients: %v", err)
	}
	var b bytes.Buffer
	w, err := r.Writer(&b)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, "hello")
	if err := errors.Join(err, w.Close()); err != nil || strings.Contains(b.String(), "hello") {
		t.Fatal(err)
	}
	for _, s := range []string{s1, s2} {
		ids, err := ReadIdentities([]string{file(t, s+"\n")})
		if err != nil {
			t.Fatal(err)
		}
		in, err := ids.Reader(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(in); err != nil || string(got) != "hello" {
			t.Errorf("%q %v", got, err)
		}
		cut, err := ids.Reader(bytes.NewReader(b.Bytes()[:b.Len()-1]))
		if err == nil {
			_, err = io.ReadAll(cut)
		}
		if err == nil {
			t.Error("a message that was cut passes for whole")
		}
	}
	other, err := ReadIdentities([]string{file(t, s3)})
	if err != nil {
		t.Fatal(err)
	}
	for _, ids := range []*Identities{nil, other} {
		if _, err := ids.Reader(bytes.NewReader(b.Bytes())); !errors.Is(err, ErrNoIdentity) {
			t.Error(err)
		}
	}
}

// Whatever is given in the wrong place: it is refused, and the key is not repeated.
func TestSecretsStaySecret(t *testing.T) {
	s, p := key(t)
	if r, err := ParseRecipients(nil); r != nil || err != nil {
		t.Error(r, err)
	}
	for _, texts := range [][]string{{s}, {strings.ToLower(s)}, {p, s}, {file(t, s)}, {file(t, p+"\n"+s+"\n")}, {file(t, "x"+s)}, {"age1nonsense"}, {file(t, "# none\n")}, {"/nonexistent"}} {
		r, err := ParseRecipients(texts)
		if err == nil || r != nil || strings.Contains(strings.ToUpper(err.Error()), s[20:40]) {
			t.Errorf("%v", err)
		}
	}
	for _, text := range []string{s[:len(s)-1], p, s + "\nwrong" + s[20:]} {
		ids, err := ReadIdentities([]string{file(t, text)})
		if err == nil || ids != nil || strings.Contains(err.Error(), s[20:40]) {
			t.Errorf("%v", err)
		}
	}
}
