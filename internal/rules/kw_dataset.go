package rules

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

// setOp is one dataset or datarep: what a rule asks of a list, or does to it.
type setOp struct {
	set   *dataset
	do    setDo
	rep   sizeRange // of a datarep
	label string    // under which the alert tells what the list says of the value; empty: not at all
}

type setDo uint8

const (
	setHas setDo = iota
	setHasNot
	setAdd // it was not there before
	setDel // it was there before
	setRep
)

var setWords = map[string]setDo{"isset": setHas, "isnotset": setHasNot, "set": setAdd, "unset": setDel}

var datasetKeywords = []keyword{
	{"dataset", func(c *compiler, o *lang.Option) error {
		f, err := fields(o.Value, 2)
		if err != nil {
			return err
		}
		do, ok := setWords[strings.ToLower(f[0])]
		if !ok {
			return fmt.Errorf("dataset does not know %q", f[0])
		}
		op := &setOp{do: do}
		if op.set, op.label, err = c.o.dataset(c.s.rule, f[1], f[2:], false); err != nil {
			return err
		}
		if do == setAdd || do == setDel {
			if op.set.format != "" {
				return errors.New("a list in JSON cannot be changed")
			}
			op.set.changes = true
		}
		c.s.late = append(c.s.late, lateOp{set: op})
		c.add(check{kind: isDataset, set: op})
		return nil
	}},
	{"datarep", func(c *compiler, o *lang.Option) error {
		f, err := fields(o.Value, 3)
		if err != nil {
			return err
		}
		sign := f[1]
		if sign != "<" && sign != ">" && sign != "=" && sign != "==" {
			return fmt.Errorf("%q is none of < > =", sign)
		}
		op := &setOp{do: setRep}
		if op.rep, err = parseRange(strings.TrimPrefix(sign, "=")+f[2], 16); err != nil {
			return err
		}
		if op.set, _, err = c.o.dataset(c.s.rule, f[0], f[3:], true); err != nil {
			return err
		}
		c.s.late = append(c.s.late, lateOp{set: op})
		c.add(check{kind: isDataset, set: op})
		return nil
	}},
}

// dataset finds a list by its name, or makes it as the rule says. Options of lists that are there already must agree.
func (o *Options) dataset(r *lang.Rule, name string, options []string, rep bool) (d *dataset, label string, err error) {
	if name == "" || strings.ContainsAny(name, " \t") || len(name) > 63 {
		return nil, "", fmt.Errorf("%q is no name of a list", name)
	}
	want := dataset{name: name, rep: rep, memcap: datasetMemory}
	given := map[string]string{}
	for _, w := range options {
		key, value, _ := strings.Cut(w, " ")
		value = strings.TrimSpace(value)
		if _, twice := given[key]; twice {
			return nil, "", fmt.Errorf("%s stands twice", key)
		}
		if value == "" && key != "remove_key" {
			return nil, "", fmt.Errorf("%s needs a value", key)
		}
		given[key] = value
		switch key {
		case "type":
			ok := false
			if want.kind, ok = setKinds[value]; !ok {
				return nil, "", fmt.Errorf("%q is none of string, md5, sha256, ip, ipv4, ipv6", value)
			}
		case "load", "state", "save", "context_key", "value_key", "array_key", "remove_key":
		case "memcap":
			n, ok := lang.ParseSize(value)
			if !ok || n == 0 {
				return nil, "", fmt.Errorf("%q is no size", value)
			}
			want.memcap = int64(min(n, mostDatasetMemory))
		case "hashsize":
			if n, err := strconv.ParseUint(value, 10, 32); err != nil || n == 0 {
				return nil, "", fmt.Errorf("%q is no number of places", value)
			}
		case "format":
			switch value {
			case "csv":
			case "json", "ndjson":
				want.format = value
			default:
				return nil, "", fmt.Errorf("%q is none of csv, json, ndjson", value)
			}
		default:
			return nil, "", fmt.Errorf("%q is not known of a list", key)
		}
	}
	_, load := given["load"]
	_, state := given["state"]
	_, save := given["save"]
	switch {
	case load && state, save && state:
		return nil, "", errors.New("load and state, or save and state, do not go together")
	case want.format == "" && given["context_key"]+given["value_key"]+given["array_key"] != "":
		return nil, "", errors.New("context_key, value_key and array_key belong to a list in JSON")
	case want.format != "" && (given["value_key"] == "" || given["context_key"] == ""):
		return nil, "", errors.New("a list in JSON needs value_key and context_key")
	}
	for _, k := range []string{"state", "save"} {
		if p := given[k]; p != "" && (filepath.IsAbs(p) || strings.Contains(p, "..")) {
			return nil, "", fmt.Errorf("%s: a rule may not name a file by its whole path, or above its folder", k)
		}
	}
	if d = o.sets[name]; d != nil {
		switch {
		case want.kind != 0 && want.kind != d.kind:
			return nil, "", fmt.Errorf("the list %s has another type", name)
		case d.rep != rep:
			return nil, "", fmt.Errorf("the list %s is of the other kind: dataset and datarep do not mix", name)
		}
		return d, given["context_key"], d.broken
	}
	if want.kind == 0 {
		return nil, "", errors.New("the first rule about a list says its type")
	}
	d = &want
	o.sets[name] = d
	if file := given["load"] + given["state"]; file != "" {
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(r.File), file)
		}
		_, remove := given["remove_key"]
		d.broken = d.load(file, state, given["value_key"], given["array_key"], remove)
	}
	return d, given["context_key"], d.broken
}

// inSet asks a list about the buffer at hand. What rules change is decided later: the value goes along with the alert.
func (m *matcher) inSet(o *setOp) bool {
	v, ok := o.set.kind.value(m.b)
	if !ok {
		return o.do == setHasNot
	}
	if o.set.changes {
		for i := range m.values {
			if m.values[i].op == o {
				m.values[i].v = v
				return true
			}
		}
		m.values = append(m.values, setValue{o, v})
		return true
	}
	e, in := o.set.has[v]
	if in && o.label != "" {
		m.values = append(m.values, setValue{o, e.context})
	}
	switch o.do {
	case setHasNot:
		return !in
	case setRep:
		return in && o.rep.has(uint64(e.rep))
	}
	return in
}

// setValue is what a rule met: a value whose list changes, or what a list says of one.
type setValue struct {
	op *setOp
	v  string
}

// told are the values for the border and the texts for the alert that belong to a rule that matched.
func (m *matcher) told(s *sig) (values []string, context []string) {
	for i := range s.late {
		for k := range m.values {
			if x := &m.values[k]; x.op == s.late[i].set && x.op.set.changes {
				values = append(values, x.v)
			}
		}
	}
	for k := range m.values {
		if x := &m.values[k]; !x.op.set.changes {
			context = append(context, x.op.label, x.v)
		}
	}
	return values, context
}
