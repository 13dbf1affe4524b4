package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

// byteKeywords read numbers out of the payload.
var byteKeywords = []keyword{
	{"byte_test", byteTest},
	{"byte_jump", byteJump},
	{"byte_extract", byteExtract},
	{"byte_math", byteMath},
}

var comparisons = map[string]byteCompare{"=": byteEqual, "==": byteEqual, "<": byteLess, ">": byteMore, "<=": byteLessEqual,
	">=": byteMoreEqual, "&": byteAnd, "^": byteOr}

// fields cuts an option's value at its commas.
func fields(text string, least int) ([]string, error) {
	f := strings.Split(text, ",")
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	if len(f) < least {
		return nil, fmt.Errorf("%d values are needed, separated by commas", least)
	}
	return f, nil
}

// common reads a word that several of these options share; false when it is none.
func (o *byteOp) common(k *check, word string) (bool, error) {
	name, value, _ := strings.Cut(word, " ")
	switch name {
	case "relative":
		k.relative = true
	case "little":
		o.little = true
	case "big":
	case "string":
		if o.text == 0 {
			o.text = 10
		}
	case "hex":
		o.text = 16
	case "dec":
		o.text = 10
	case "oct":
		o.text = 8
	case "dce":
		o.dce = true
	case "bitmask":
		n, err := strconv.ParseUint(strings.TrimSpace(value), 0, 32)
		if err != nil {
			return true, fmt.Errorf("%q is no bitmask", value)
		}
		o.mask, o.hasMask = n, true
	default:
		return false, nil
	}
	return true, nil
}

// size reads the number of bytes.
func (o *byteOp) size(c *compiler, text string) (err error) {
	if o.count, err = c.number(text); err == nil && o.count.v == 0 && (o.count.n < 0 || o.count.n > 23) {
		err = fmt.Errorf("%d bytes are no number", o.count.n)
	}
	return err
}

func byteTest(c *compiler, opt *lang.Option) error {
	f, err := fields(opt.Value, 4)
	if err != nil {
		return err
	}
	o := &byteOp{}
	k := check{kind: isByteTest, bytes: o, neg: opt.Negated}
	if err := o.size(c, f[0]); err != nil {
		return err
	}
	op, neg := strings.CutPrefix(f[1], "!")
	o.negOp = neg
	if op == "" {
		op = "="
	}
	var ok bool
	if o.op, ok = comparisons[strings.TrimSpace(op)]; !ok {
		return fmt.Errorf("byte_test compares with = < > <= >= & ^, not %q", f[1])
	}
	if o.value, err = c.number(f[2]); err != nil {
		return err
	}
	if o.offset, err = c.number(f[3]); err != nil {
		return err
	}
	for _, w := range f[4:] {
		known, err := o.common(&k, w)
		if err != nil {
			return err
		}
		if !known {
			return fmt.Errorf("byte_test does not know %q", w)
		}
	}
	c.add(k)
	return nil
}

func byteJump(c *compiler, opt *lang.Option) error {
	f, err := fields(opt.Value, 2)
	if err != nil {
		return err
	}
	o := &byteOp{}
	k := check{kind: isByteJump, bytes: o}
	if err := o.size(c, f[0]); err != nil {
		return err
	}
	if o.offset, err = c.number(f[1]); err != nil {
		return err
	}
	for _, w := range f[2:] {
		known, err := o.common(&k, w)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		name, value, _ := strings.Cut(w, " ")
		value = strings.TrimSpace(value)
		switch name {
		case "align":
			o.align = 4
		case "from_beginning":
			o.fromBegin = true
		case "from_end":
			o.fromEnd = true
		case "multiplier":
			if o.multiply, err = strconv.ParseUint(value, 0, 32); err != nil {
				return fmt.Errorf("%q is no multiplier", value)
			}
		case "post_offset":
			if o.post, err = strconv.ParseInt(value, 0, 64); err != nil {
				return fmt.Errorf("%q is no post_offset", value)
			}
		default:
			return fmt.Errorf("byte_jump does not know %q", w)
		}
	}
	c.add(k)
	return nil
}

func byteExtract(c *compiler, opt *lang.Option) error {
	f, err := fields(opt.Value, 3)
	if err != nil {
		return err
	}
	o := &byteOp{}
	k := check{kind: isByteExtract, bytes: o}
	if err := o.size(c, f[0]); err != nil {
		return err
	}
	if o.offset, err = c.number(f[1]); err != nil {
		return err
	}
	for _, w := range f[3:] {
		known, err := o.common(&k, w)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		name, value, _ := strings.Cut(w, " ")
		n, err := strconv.ParseUint(strings.TrimSpace(value), 0, 32)
		switch {
		case name == "multiplier" && err == nil:
			o.multiply = n
		case name == "align" && (n == 2 || n == 4):
			o.align = n
		default:
			return fmt.Errorf("byte_extract does not know %q", w)
		}
	}
	if o.result, err = c.variable(f[2]); err != nil {
		return err
	}
	c.add(k)
	return nil
}

func byteMath(c *compiler, opt *lang.Option) error {
	f, err := fields(opt.Value, 5)
	if err != nil {
		return err
	}
	o := &byteOp{}
	k := check{kind: isByteMath, bytes: o}
	result := ""
	for _, w := range f {
		name, value, _ := strings.Cut(w, " ")
		value = strings.TrimSpace(value)
		switch name {
		case "bytes":
			err = o.size(c, value)
		case "offset":
			o.offset, err = c.number(value)
		case "oper":
			switch value {
			case "+", "-", "*", "/", "<<", ">>":
				o.math = value[0]
			default:
				err = fmt.Errorf("byte_math computes with + - * / << >>, not %q", value)
			}
		case "rvalue":
			o.value, err = c.number(value)
		case "result":
			result = value
		case "endian":
			_, err = o.common(&k, value)
		case "string":
			o.text = map[string]int{"hex": 16, "dec": 10, "oct": 8}[value]
			if o.text == 0 {
				err = fmt.Errorf("%q is no form of a number", value)
			}
		default:
			var known bool
			if known, err = o.common(&k, w); !known {
				err = fmt.Errorf("byte_math does not know %q", w)
			}
		}
		if err != nil {
			return err
		}
	}
	if result == "" || o.math == 0 {
		return errors.New("byte_math needs oper and result")
	}
	if o.result, err = c.variable(result); err != nil {
		return err
	}
	c.add(k)
	return nil
}
