package rules

import (
	"cmp"
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
		if op.set.domains && do != setHas && do != setHasNot {
			return errors.New("a list with match subdomain is only asked, with isset and isnotset")
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
	return o.list(r.File, name, options, rep, false)
}

// define makes the lists that settings define.
func (o *Options) define() (bad []lang.Problem) {
	for i := range o.Lists.Defined {
		d := &o.Lists.Defined[i]
		if _, _, err := o.list("", d.Name, d.options(), false, true); err != nil {
			bad = append(bad, lang.Problem{Place: lang.Place{File: o.Lists.From}, Option: "datasets." + d.Name, Reason: err.Error()})
		}
	}
	return bad
}

// list is dataset for a rule of a file, or for settings.
func (o *Options) list(from, name string, options []string, rep, defined bool) (d *dataset, label string, err error) {
	want := dataset{name: name, rep: rep, memcap: cmp.Or(o.Lists.Memcap, datasetMemory)}
	places := uint64(cmp.Or(o.Lists.Places, 4096))
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
		switch key { // as they were called before Suricata 8
		case "enrichment_key":
			key = "context_key"
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
			if places, err = strconv.ParseUint(value, 10, 32); err != nil || places == 0 {
				return nil, "", fmt.Errorf("%q is no number of places", value)
			}
		case "match":
			if value != "subdomain" {
				return nil, "", fmt.Errorf("match knows subdomain, not %q", value)
			}
			want.domains = true
		case "format":
			switch value {
			case "csv":
			case "json", "ndjson":
				want.format = value
			case "jsonline":
				want.format = "ndjson"
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
	switch most := uint64(cmp.Or(o.Lists.MostPlaces, 262144)); {
	case places > most:
		return nil, "", fmt.Errorf("hashsize %d is more than the %d places that one list may have", places, most)
	case want.format != "" && (state || save):
		return nil, "", errors.New("a list in JSON is loaded, and never written")
	case want.domains && (want.kind != 0 && want.kind != setString || rep):
		return nil, "", errors.New("match subdomain belongs to a dataset of type string")
	}
	if file := given["state"] + given["save"]; file != "" {
		at, err := o.Lists.kept(file, defined)
		if err != nil {
			return nil, "", err
		}
		if o.Lists.Dir != "" {
			if want.file = at; filepath.IsLocal(file) {
				want.local = filepath.Clean(file)
			}
		}
	}
	if d = o.sets[name]; d != nil {
		switch {
		case want.kind != 0 && want.kind != d.kind:
			return nil, "", fmt.Errorf("the list %s has another type", name)
		case want.domains && !d.domains:
			return nil, "", fmt.Errorf("the list %s was said to match in another way", name)
		case d.rep != rep:
			return nil, "", fmt.Errorf("the list %s is of the other kind: dataset and datarep do not mix", name)
		}
		return d, given["context_key"], d.broken
	}
	if want.kind == 0 {
		return nil, "", errors.New("the first rule about a list says its type")
	}
	if all := uint64(cmp.Or(o.Lists.AllPlaces, 67108864)); o.places+places > all {
		return nil, "", fmt.Errorf("with this list's hashsize there would be more than %d places in all lists", all)
	}
	o.places += places
	d = &want
	o.sets[name] = d
	if d.used = int64(places*perPlace + valuesMade*perValue); d.used > d.memcap {
		d.broken = fmt.Errorf("the list %s is larger than its memcap of %d bytes before it has a value: its places and its first %d values take %d", name, d.memcap, valuesMade, d.used)
		return d, given["context_key"], d.broken
	}
	if file := given["load"] + given["state"]; file != "" {
		switch {
		case filepath.IsAbs(file):
		case state && o.Lists.Dir != "":
			file = d.file
		default:
			file = filepath.Join(filepath.Dir(from), file)
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
	if o.set.domains {
		if in, ok := o.set.below(v); ok {
			v = in
		}
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
