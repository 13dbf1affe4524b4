package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

// keyword reads one option of a rule into its sig.
type keyword struct {
	name string
	set  func(c *compiler, o *lang.Option) error
}

// keywords are all options that rules may have, by what they are about. docs and "rules coverage" list them.
var keywords = concat(metaKeywords, refusedKeywords, headerKeywords, flowKeywords, payloadKeywords, byteKeywords, limitKeywords, rateKeywords,
	tagKeywords, iprepKeywords, packetKeywords, stateKeywords, datasetKeywords, transformKeywords, base64Keywords, bufferKeywords,
	tlsKeywords, dnsKeywords, sshKeywords, dcerpcKeywords, smallKeywords, fileKeywords, ftpKeywords, smbKeywords, ikeKeywords, rfbKeywords,
	http2Keywords,
	ldapKeywords,
	modbusKeywords,
	mqttKeywords,
	oddKeywords,
	frameKeywords,
	configKeywords,
	snortKeywords,
)

var keywordByName = func() map[string]*keyword {
	m := map[string]*keyword{}
	for i := range keywords {
		m[keywords[i].name] = &keywords[i]
	}
	return m
}()

// Keywords are the names of all options that run, sorted.
func Keywords() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(keywordByName)), func(name string) bool { return notRun[name] != "" })
}

func concat(lists ...[]keyword) []keyword {
	var all []keyword
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// compiler makes one sig.
type compiler struct {
	s    *sig
	o    *Options
	vars []string // names that byte_extract and byte_math gave, by number
	rank int      // of the classtype, 0 when none was named
	own  bool     // the rule has a priority of its own

	base64   *check        // base64_decode, before base64_data is over
	base64At int           // the part in which it stands
	headers  []*headerPart // parts of the packet

	at     int // the part in which contents lie now; -1: the payload
	lastAt int // the part in which the last one lies
}

// last is the content that a modifier of the older form belongs to.
func (c *compiler) last(name string) (*check, error) {
	cs := *c.list(c.lastAt)
	for i := len(cs) - 1; i >= 0; i-- {
		if cs[i].kind == isContent {
			return &cs[i], nil
		}
	}
	return nil, fmt.Errorf("%s needs a content before it", name)
}

// number reads a number, or the name of a variable.
func (c *compiler) number(text string) (number, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return number{n: n}, nil
	}
	for i, v := range c.vars {
		if v == text {
			return number{v: int8(i + 1)}, nil
		}
	}
	return number{}, fmt.Errorf("%q is neither a number nor a variable that byte_extract or byte_math set before", text)
}

// variable gives a name its number.
func (c *compiler) variable(name string) (int8, error) {
	for i, v := range c.vars {
		if v == name {
			return int8(i), nil
		}
	}
	if len(c.vars) == maxVars {
		return 0, fmt.Errorf("more than %d variables", maxVars)
	}
	c.vars = append(c.vars, name)
	return int8(len(c.vars) - 1), nil
}

// parseRange reads a comparison with a number of at most bits bits: 5, =5, !5, <5, >5, <=5, >=5, 5-10 (both inclusive where
// dash says so) and 5<>10 (neither inclusive).
func parseRange(text string, bits int) (sizeRange, error) {
	text = strings.ReplaceAll(text, " ", "")
	most := ^uint64(0) >> (64 - bits)
	num := func(s string) (uint64, error) {
		n, err := strconv.ParseUint(s, 0, bits)
		if err != nil {
			return 0, fmt.Errorf("%q is no number of at most %d bits", s, bits)
		}
		return n, nil
	}
	if a, b, ok := strings.Cut(text, "<>"); ok {
		lo, err := num(a)
		if err != nil {
			return sizeRange{}, err
		}
		hi, err := num(b)
		if err != nil {
			return sizeRange{}, err
		}
		if hi < lo+2 {
			return sizeRange{}, fmt.Errorf("nothing lies between %d and %d", lo, hi)
		}
		return sizeRange{lo: lo + 1, hi: hi - 1}, nil
	}
	if a, b, ok := strings.Cut(text, "-"); ok && a != "" {
		lo, err := num(a)
		if err != nil {
			return sizeRange{}, err
		}
		hi, err := num(b)
		if err != nil {
			return sizeRange{}, err
		}
		if hi < lo+2 {
			return sizeRange{}, fmt.Errorf("nothing lies between %d and %d", lo, hi)
		}
		return sizeRange{lo: lo + 1, hi: hi - 1}, nil
	}
	for _, p := range []string{"<=", ">=", "!=", "<", ">", "!", "="} {
		rest, ok := strings.CutPrefix(text, p)
		if !ok {
			continue
		}
		n, err := num(rest)
		if err != nil {
			return sizeRange{}, err
		}
		switch p {
		case "<=":
			return sizeRange{0, n, false}, nil
		case ">=":
			return sizeRange{n, most, false}, nil
		case "!", "!=":
			return sizeRange{n, n, true}, nil
		case "=":
			return sizeRange{n, n, false}, nil
		case "<":
			if n == 0 {
				return sizeRange{}, fmt.Errorf("nothing is less than 0")
			}
			return sizeRange{0, n - 1, false}, nil
		}
		if n == most {
			return sizeRange{}, fmt.Errorf("nothing is more than %d", n)
		}
		return sizeRange{n + 1, most, false}, nil
	}
	n, err := num(text)
	return sizeRange{n, n, false}, err
}
