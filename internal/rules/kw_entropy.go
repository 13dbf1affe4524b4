package rules

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

// entropyOp is what entropy asks for.
type entropyOp struct {
	count, offset int
	op            string
	value         float64
}

func entropyKeyword(c *compiler, o *lang.Option) error {
	e := &entropyOp{op: "="}
	given := false
	for f := range strings.SplitSeq(o.Value, ",") {
		f = strings.TrimSpace(f)
		name, value, _ := strings.Cut(f, " ")
		value = strings.TrimSpace(value)
		var err error
		switch name {
		case "bytes":
			e.count, err = strconv.Atoi(value)
		case "offset":
			e.offset, err = strconv.Atoi(value)
		default:
			if rest, ok := strings.CutPrefix(f, "value"); ok {
				f = strings.TrimSpace(rest)
			}
			for _, op := range []string{"<=", ">=", "!=", "=", "<", ">", "!"} {
				if rest, ok := strings.CutPrefix(f, op); ok {
					e.op, f = op, strings.TrimSpace(rest)
					break
				}
			}
			if o.Negated && f != "" && e.op == "=" {
				e.op = "!="
			}
			e.value, err = strconv.ParseFloat(f, 64)
			given = true
			if err == nil && !(e.value >= 0 && e.value <= 8) {
				err = fmt.Errorf("%s is none of 0 to 8 bits", f)
			}
		}
		if err != nil {
			return err
		}
	}
	if !given || e.count < 0 || e.offset < 0 {
		return errors.New("entropy needs a value from 0 to 8, and no negative bytes or offset")
	}
	c.add(check{kind: isEntropy, entropy: e})
	return nil
}

// holds reports whether the bytes of b are as mixed as wanted.
func (e *entropyOp) holds(b []byte) bool {
	if e.offset > len(b) || e.count > len(b)-e.offset {
		return false
	}
	if b = b[e.offset:]; e.count > 0 {
		b = b[:e.count]
	}
	v := entropy(b)
	switch e.op {
	case "<":
		return v < e.value
	case "<=":
		return v <= e.value
	case ">":
		return v > e.value
	case ">=":
		return v >= e.value
	case "!", "!=":
		return math.Abs(v-e.value) >= equalEntropy
	}
	return math.Abs(v-e.value) < equalEntropy
}

// equalEntropy is how far apart two values are the same: sums of logarithms are not exact.
const equalEntropy = 1e-5

// entropy is that of the bytes of b, from 0 to 8 bits (Shannon, 1948).
func entropy(b []byte) (v float64) {
	var n [256]int
	for _, c := range b {
		n[c]++
	}
	for _, k := range n {
		if k > 0 {
			p := float64(k) / float64(len(b))
			v -= p * math.Log2(p)
		}
	}
	return v
}
