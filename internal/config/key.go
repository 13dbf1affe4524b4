package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is what a key's value is.
type Kind uint8

// Kinds of values.
const (
	Bool     Kind = iota // true or false
	Int                  // a whole number
	Size                 // bytes: 1048576, 64K, 400M, 2G (powers of 1024)
	Duration             // 500ms, 30s, 5m, 12h, 7d
	Text                 // any text
	Word                 // one of Key.Words
	Path                 // a file or folder; relative ones are meant from the configuration's own folder
	Listen               // ADDRESS:PORT
	Texts                // a list of texts
	Words                // a list of words, each one of Key.Words
	Paths                // a list of paths
	Networks             // a list of networks or addresses
	Tables               // a list of mappings, each with the keys Key.Of
)

var kindNames = [...]string{"true or false", "number", "size", "duration", "text", "word", "path", "address:port", "list of texts", "list of words",
	"list of paths", "list of networks", "list of entries"}

// String names the kind for a person.
func (k Kind) String() string { return kindNames[k] }

func (k Kind) isList() bool { return k >= Texts }

// Key is one key: what it means, and where its value goes.
type Key struct {
	Name    string
	Kind    Kind
	Default string // as a file has it, lists with commas; empty: nothing is set
	Unit    string // of numbers; empty where the kind says it
	About   string // what it does, as a sentence
	// Min and Max bound Int (as they are), Size (bytes) and Duration (nanoseconds). Both 0: not bounded.
	Min, Max int64
	Words    []string // what Word may be
	Of       []Key    // of Tables
	Socket   bool     // of Path: it may be - (standard output), unix:PATH or unixgram:PATH as well
	Needed   bool     // of Tables: each entry must have it
	Like     string   // a value to show in the example file where there is no default

	at    func(any) any      // pointer to the field in the section's struct; of Tables nil
	grow  func(any) any      // of Tables: one more entry, pointer to it
	each  func(any) []any    // of Tables: pointers to the entries
	check func(string) error // what else must hold of a text, or of each of a list; may be nil
}

// Full is the name of a key with its section: "capture.filter".
func (s *Section) Full(k *Key) string { return s.Name + "." + k.Name }

// key makes a key whose value goes to the field that f points to.
func key[T, V any](kind Kind, name, def, about string, f func(*T) *V) Key {
	return Key{Name: name, Kind: kind, Default: def, About: about, at: func(t any) any { return f(t.(*T)) }}
}

// section makes a section whose struct is the field that f points to.
func section[T any](name, about string, f func(*Config) *T, keys ...Key) Section {
	return Section{Name: name, About: about, Keys: keys, at: func(c *Config) any { return f(c) }}
}

// tables makes a key that is a list of entries, each with the keys of.
func tables[T, E any](name, about string, f func(*T) *[]E, of ...Key) Key {
	return Key{Name: name, Kind: Tables, About: about, Of: of,
		grow: func(t any) any {
			l := f(t.(*T))
			var e E
			for i := range of {
				of[i].preset(&e)
			}
			*l = append(*l, e)
			return &(*l)[len(*l)-1]
		},
		each: func(t any) []any {
			l := *f(t.(*T))
			out := make([]any, len(l))
			for i := range l {
				out[i] = &l[i]
			}
			return out
		}}
}

func (k Key) between(lo, hi int64) Key      { k.Min, k.Max = lo, hi; return k }
func (k Key) in(unit string) Key            { k.Unit = unit; return k }
func (k Key) of(words ...string) Key        { k.Words = words; return k }
func (k Key) like(value string) Key         { k.Like = value; return k }
func (k Key) orSocket() Key                 { k.Socket = true; return k }
func (k Key) needed() Key                   { k.Needed = true; return k }
func (k Key) must(f func(string) error) Key { k.check = f; return k }

// preset gives the field its default. A default that does not fit is a fault of the table, which its test finds.
func (k *Key) preset(target any) {
	if k.Kind == Tables || k.Default == "" {
		return
	}
	if err := k.set(target, split(k)); err != nil {
		panic("config: default of " + k.Name + ": " + err.Error())
	}
}

func split(k *Key) []string {
	if !k.Kind.isList() {
		return []string{k.Default}
	}
	return strings.FieldsFunc(k.Default, func(r rune) bool { return r == ',' || r == ' ' })
}

// set gives the field the values; those that are no list have one.
func (k *Key) set(target any, values []string) error {
	if !k.Kind.isList() && len(values) != 1 {
		return fmt.Errorf("wants one value (%s), not a list", k.Kind)
	}
	for _, v := range values {
		if k.check != nil {
			if err := k.check(v); err != nil {
				return err
			}
		}
		if (k.Kind == Word || k.Kind == Words) && !slices.Contains(k.Words, v) {
			return fmt.Errorf("%q is none of %s", v, strings.Join(k.Words, ", "))
		}
	}
	switch p := k.at(target).(type) {
	case *bool:
		switch values[0] {
		case "true", "false":
			*p = values[0] == "true"
		default:
			return fmt.Errorf("%q is neither true nor false", values[0])
		}
	case *int:
		n, err := strconv.Atoi(values[0])
		if err != nil {
			return fmt.Errorf("%q is no whole number", values[0])
		}
		*p = n
		return k.within(int64(n))
	case *int64:
		n, err := ParseSize(values[0])
		if err != nil {
			return err
		}
		*p = n
		return k.within(n)
	case *time.Duration:
		d, err := ParseDuration(values[0])
		if err != nil {
			return err
		}
		*p = d
		return k.within(int64(d))
	case *string:
		*p = values[0]
		if k.Kind == Listen && values[0] != "" {
			if _, err := netip.ParseAddrPort(values[0]); err != nil {
				return fmt.Errorf("%q is no ADDRESS:PORT such as 127.0.0.1:9090 or [::1]:9090", values[0])
			}
		}
	case *[]string:
		*p = slices.Clone(values)
	case *[]netip.Prefix:
		*p = nil
		for _, v := range values {
			n, err := parsePrefix(v)
			if err != nil {
				return fmt.Errorf("%q is neither a network nor an address", v)
			}
			*p = append(*p, n)
		}
	}
	return nil
}

func (k *Key) within(n int64) error {
	if k.Min == 0 && k.Max == 0 || n >= k.Min && n <= k.Max {
		return nil
	}
	return fmt.Errorf("%s is not in %s", k.number(n), k.Range())
}

// number writes n in the key's unit.
func (k *Key) number(n int64) string {
	switch k.Kind {
	case Size:
		return FormatSize(n)
	case Duration:
		return FormatDuration(time.Duration(n))
	}
	return strconv.FormatInt(n, 10)
}

// Range says what values the key takes: "1M to 16G", "none, all, auto". Empty: anything of its kind.
func (k *Key) Range() string {
	switch {
	case len(k.Words) > 0:
		return strings.Join(k.Words, ", ")
	case k.Kind == Bool:
		return "true, false"
	case k.Min == 0 && k.Max == 0:
		return ""
	}
	return k.number(k.Min) + " to " + k.number(k.Max)
}

// Values are the values that the field of target has, as a file would say them.
func (k *Key) values(target any) []string {
	switch p := k.at(target).(type) {
	case *bool:
		return []string{strconv.FormatBool(*p)}
	case *int:
		return []string{strconv.Itoa(*p)}
	case *int64:
		return []string{FormatSize(*p)}
	case *time.Duration:
		return []string{FormatDuration(*p)}
	case *string:
		return []string{*p}
	case *[]string:
		return *p
	case *[]netip.Prefix:
		var out []string
		for _, n := range *p {
			out = append(out, n.String())
		}
		return out
	}
	return nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, cmp.Or(err, fmt.Errorf("zone"))
	}
	return a.Prefix(a.BitLen())
}
