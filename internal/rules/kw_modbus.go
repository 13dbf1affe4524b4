package rules

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"firestorm/internal/rules/lang"
)

// modbusPart is a request: unit, access, category, function, sub-function; then runs of places with what is written to them.
var modbusPart = buffer{"modbus", []string{"modbus"}, toServer}

var modbusKeywords = []keyword{{"modbus", func(c *compiler, o *lang.Option) error {
	if o.Negated {
		return errors.New("a request that is not so cannot be asked for")
	}
	w, err := parseModbus(o.Value)
	if err != nil {
		return err
	}
	return c.ask(modbusPart, false, w.fits)
}}}

// Bits of a request's access and category, as the reader gives them.
const (
	modbusRead  = 1
	modbusWrite = 2

	modbusUnassigned = 1
	modbusAssigned   = 2
	modbusUser       = 4
	modbusReserved   = 8
)

var modbusTables = map[string]uint8{"discretes": 4, "coils": 8, "input": 16, "holding": 32}

var modbusCategories = map[string]uint8{"unassigned": modbusUnassigned, "assigned": modbusAssigned, "public": modbusUnassigned | modbusAssigned, "user": modbusUser,
	"reserved": modbusReserved, "all": modbusUnassigned | modbusAssigned | modbusUser | modbusReserved}

// modbusWant is what a rule asks of a request. Pointers are nil, and bits 0, where it asks nothing.
type modbusWant struct {
	unit           *sizeRange
	function       *uint64
	sub            *uint64
	category       uint8
	way, table     uint8 // of an access
	address, value *sizeRange
}

// parseModbus reads "unit 10, function 8, subfunction 4" and "unit >9, access write holding, address 5, value >200". Places count
// from 1.
func parseModbus(text string) (*modbusWant, error) {
	w := &modbusWant{}
	for i, f := range strings.Split(text, ",") {
		word, rest, _ := strings.Cut(strings.TrimSpace(f), " ")
		rest = strings.TrimSpace(rest)
		span := func(to **sizeRange, bits int) error {
			r, err := parseRange(rest, bits)
			if err != nil {
				return err
			}
			*to = &r
			return nil
		}
		var err error
		switch word = strings.ToLower(word); {
		case word == "unit" && i == 0:
			err = span(&w.unit, 8)
		case word == "function" && w.function == nil && w.category == 0 && w.way == 0:
			err = w.readFunction(strings.ToLower(rest))
		case word == "subfunction" && w.function != nil && w.sub == nil:
			var n uint64
			n, err = strconv.ParseUint(rest, 0, 16)
			w.sub = &n
		case word == "access" && w.function == nil && w.category == 0 && w.way == 0:
			err = w.readAccess(strings.ToLower(rest))
		case word == "address" && w.table != 0 && w.address == nil:
			err = span(&w.address, 17)
		case word == "value" && w.way == modbusWrite && w.address != nil && w.value == nil:
			err = span(&w.value, 16)
		default:
			err = fmt.Errorf("%q has no place here: modbus is unit, then function with subfunction, or access with address and value", strings.TrimSpace(f))
		}
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *modbusWant) readFunction(text string) error {
	if n, err := strconv.ParseUint(text, 0, 7); err == nil {
		w.function = &n
		return nil
	}
	name, not := strings.CutPrefix(text, "!")
	if w.category = modbusCategories[strings.TrimSpace(name)]; w.category == 0 {
		return fmt.Errorf("%q is no function of Modbus and no kind of them", text)
	}
	if not {
		w.category ^= modbusCategories["all"]
	}
	if w.category == 0 {
		return errors.New("no function is left")
	}
	return nil
}

func (w *modbusWant) readAccess(text string) error {
	way, table, more := strings.Cut(text, " ")
	switch way {
	case "read":
		w.way = modbusRead
	case "write":
		w.way = modbusWrite
	default:
		return fmt.Errorf("%q is no access: read or write", way)
	}
	if !more {
		return nil
	}
	table = strings.TrimSpace(table)
	if w.table = modbusTables[table]; w.table == 0 {
		return fmt.Errorf("%q is none of discretes, coils, input, holding", table)
	}
	if w.way == modbusWrite && (table == "discretes" || table == "input") {
		return fmt.Errorf("%s cannot be written", table)
	}
	return nil
}

// fits reports whether a request is what the rule asks for.
func (w *modbusWant) fits(b []byte) bool {
	if len(b) < 6 {
		return false
	}
	number := func(i int) uint64 { return uint64(binary.BigEndian.Uint16(b[i:])) }
	switch access := b[1]; {
	case w.unit != nil && !w.unit.has(uint64(b[0])),
		w.function != nil && uint64(b[3]) != *w.function,
		w.sub != nil && number(4) != *w.sub,
		w.category != 0 && w.category&b[2] == 0,
		w.way != 0 && access&w.way == 0,
		w.table != 0 && access&w.table == 0:
		return false
	}
	if w.address == nil {
		return true
	}
	for b = b[6:]; len(b) >= 7; {
		mark, first, count, values := b[0], number(1), number(3), int(number(5))
		b = b[7:]
		for i := uint64(0); mark == w.way && i < count; i++ {
			if w.address.has(first+i+1) && (w.value == nil || int(i) < values && 2*int(i)+2 <= len(b) && w.value.has(number(2*int(i)))) {
				return true
			}
		}
		b = b[min(2*values, len(b)):]
	}
	return false
}
