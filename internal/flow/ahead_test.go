package flow

import (
	"testing"

	"firestorm/internal/packet"
)

// TestKeySame: keys differ in any one part, and each part counts.
func TestKeySame(t *testing.T) {
	base := key{a: packet.MustAddr("192.0.2.1"), b: packet.MustAddr("192.0.2.2"), aport: 1, bport: 2, tunnel: 3, vantage: 4, proto: 6}
	if x := base; !base.same(&x) {
		t.Fatal("a key differs from itself")
	}
	for name, change := range map[string]func(k *key){
		"a, first half": func(k *key) { k.a[0]++ }, "a, second half": func(k *key) { k.a[15]++ },
		"b, first half": func(k *key) { k.b[7]++ }, "b, second half": func(k *key) { k.b[8]++ },
		"tunnel": func(k *key) { k.tunnel++ }, "aport": func(k *key) { k.aport++ }, "bport": func(k *key) { k.bport++ },
		"vantage": func(k *key) { k.vantage++ }, "proto": func(k *key) { k.proto++ },
	} {
		x := base
		change(&x)
		if base.same(&x) || x.same(&base) {
			t.Errorf("%s: keys that differ count as the same", name)
		}
	}
}
