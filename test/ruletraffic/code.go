package ruletraffic

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
)

// entropy is Shannon's, in bits for each byte.
func entropy(b []byte) float64 {
	var n [256]int
	for _, c := range b {
		n[c]++
	}
	sum := 0.0
	for _, k := range n {
		if k > 0 {
			p := float64(k) / float64(len(b))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

func compareFloat(op string, a, b float64) bool {
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "!=":
		return a != b
	}
	return a == b
}

// entropyOption reads entropy: value > 4.5.
func entropyOption(o *Option) (check, error) {
	c := check{kind: anEntropy, neg: o.Neg}
	text := strings.ReplaceAll(strings.TrimPrefix(strings.TrimSpace(o.Value), "value"), " ", "")
	number := strings.TrimLeft(text, "<>=!")
	var err error
	c.test = text[:len(text)-len(number)]
	c.most, err = strconv.ParseFloat(number, 64)
	return c, err
}

// base64Option reads base64_decode: bytes 300, offset 0, relative.
func base64Option(o *Option) check {
	c := check{kind: aBase64}
	for _, w := range strings.Split(o.Value, ",") {
		f := strings.Fields(w)
		switch {
		case len(f) == 1 && f[0] == "relative":
			c.relative = true
		case len(f) == 2 && f[0] == "bytes":
			c.number.count = parseNum(f[1])
		case len(f) == 2 && f[0] == "offset":
			c.number.offset = parseNum(f[1])
		}
	}
	return c
}

const base64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// decoded is the base64 at the begin of b, of at most so many bytes; 0: of all, up to the first byte that is none.
func decoded(b []byte, most int) []byte {
	if most > 0 {
		b = b[:min(most, len(b))]
	}
	n := 0
	for n < len(b) && strings.IndexByte(base64Letters, b[n]) >= 0 {
		n++
	}
	n -= n % 4
	out, err := base64.StdEncoding.DecodeString(string(b[:n]))
	if err != nil {
		return nil
	}
	if n+4 <= len(b) { // the last group may be padded
		if last, err := base64.StdEncoding.DecodeString(string(b[n : n+4])); err == nil {
			out = append(out, last...)
		}
	}
	return out
}
