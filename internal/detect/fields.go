package detect

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"sort"
	"strings"
	"unsafe"

	"firestorm/internal/packet"
)

// SaveFields writes the values that vs point to for LoadFields, whatever their fields are called: a Keeper's tables as they are,
// without a twin of each type for the disk. Values hold numbers, texts, lists, tables, and pointers that lead to a tree; what
// points to one value twice comes back as two. The types are written down with the values: when another version of the program
// has others, it begins without this memory.
func SaveFields(w io.Writer, vs ...any) error {
	b := bufio.NewWriter(w)
	c := &fieldCoder{w: b}
	for _, v := range vs {
		e := reflect.ValueOf(v).Elem()
		sig := signature(e.Type())
		c.bytes(sig[:])
		c.code(e, 0)
	}
	if c.err != nil {
		return c.err
	}
	return b.Flush()
}

// LoadFields reads what SaveFields wrote into what vs point to, in the same order. When it was written with other types, or an
// error is returned, all of vs are zero. Frames are those of an earlier run (packet.Earlier).
func LoadFields(r io.Reader, vs ...any) error {
	all, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c := &fieldCoder{r: bytes.NewReader(all)}
	other := false
	for _, v := range vs {
		e := reflect.ValueOf(v).Elem()
		want := signature(e.Type())
		var sig [8]byte
		if c.bytes(sig[:]); c.err == nil && sig != want {
			other = true
			break
		}
		if c.code(e, 0); c.err != nil {
			break
		}
	}
	if c.err == nil && !other && c.r.Len() > 0 {
		c.err = errFields
	}
	if c.err != nil || other {
		for _, v := range vs {
			reflect.ValueOf(v).Elem().SetZero()
		}
	}
	return c.err
}

var errFields = errors.New("it holds other values than it says")

// signature tells types apart by all that they are made of.
func signature(t reflect.Type) (sum [8]byte) {
	var b strings.Builder
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		fmt.Fprintf(&b, "%s %s;", t, t.Kind())
		if seen[t] {
			return
		}
		seen[t] = true
		switch t.Kind() {
		case reflect.Struct:
			for i := range t.NumField() {
				b.WriteString(t.Field(i).Name + " ")
				walk(t.Field(i).Type)
			}
		case reflect.Array:
			fmt.Fprint(&b, t.Len())
			walk(t.Elem())
		case reflect.Slice, reflect.Pointer:
			walk(t.Elem())
		case reflect.Map:
			walk(t.Key())
			walk(t.Elem())
		}
	}
	walk(t)
	s := sha256.Sum256([]byte(b.String()))
	copy(sum[:], s[:])
	return sum
}

// fieldCoder writes values, or reads them.
type fieldCoder struct {
	w   *bufio.Writer
	r   *bytes.Reader
	err error
}

// mostDepth bounds how deep values lie: a pointer that leads back would go on for ever.
const mostDepth = 24

func (c *fieldCoder) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *fieldCoder) bytes(b []byte) {
	if c.err != nil {
		return
	}
	var err error
	if c.w != nil {
		_, err = c.w.Write(b)
	} else {
		_, err = io.ReadFull(c.r, b)
	}
	if err != nil {
		c.fail(err)
	}
}

func (c *fieldCoder) uint(v *uint64) {
	if c.err != nil {
		return
	}
	if c.w != nil {
		var b [binary.MaxVarintLen64]byte
		c.bytes(b[:binary.PutUvarint(b[:], *v)])
		return
	}
	n, err := binary.ReadUvarint(c.r)
	if err != nil {
		c.fail(err)
	}
	*v = n
}

func (c *fieldCoder) int(v *int64) {
	u := uint64(*v<<1) ^ uint64(*v>>63)
	c.uint(&u)
	*v = int64(u>>1) ^ -int64(u&1)
}

// length codes how many there are, plus one; 0 is none at all.
func (c *fieldCoder) length(v reflect.Value) (n int, none bool) {
	var u uint64
	if c.w != nil {
		if !v.IsNil() {
			u = uint64(v.Len()) + 1
		}
	}
	c.uint(&u)
	if c.r != nil && u > uint64(c.r.Len())+1 { // each takes a byte at least
		c.fail(errFields)
	}
	if c.err != nil || u == 0 {
		return 0, true
	}
	return int(u - 1), false
}

func (c *fieldCoder) code(v reflect.Value, depth int) {
	if c.err != nil {
		return
	}
	if depth > mostDepth {
		c.fail(fmt.Errorf("detect: %s leads back to itself", v.Type()))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		u := uint64(0)
		if v.Bool() {
			u = 1
		}
		if c.uint(&u); c.r != nil {
			v.SetBool(u != 0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n := v.Int()
		if c.int(&n); c.r != nil {
			v.SetInt(n)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n := v.Uint()
		if c.uint(&n); c.r != nil {
			v.SetUint(n)
		}
	case reflect.Float32, reflect.Float64:
		n := math.Float64bits(v.Float())
		if c.uint(&n); c.r != nil {
			v.SetFloat(math.Float64frombits(n))
		}
	case reflect.String:
		n := uint64(v.Len())
		if c.uint(&n); c.r != nil && n > uint64(c.r.Len()) {
			c.fail(errFields)
			return
		}
		b := make([]byte, n)
		copy(b, v.String())
		if c.bytes(b); c.r != nil {
			v.SetString(string(b))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			c.code(field(v, i), depth+1)
		}
		if c.r != nil && v.Type() == refType {
			if r := v.Addr().Interface().(*packet.Ref); !r.IsZero() {
				r.Source = packet.Earlier
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			c.code(v.Index(i), depth+1)
		}
	case reflect.Slice:
		n, none := c.length(v)
		if none {
			return
		}
		if c.r != nil {
			v.Set(reflect.MakeSlice(v.Type(), 0, min(n, 1024)))
		}
		for i := range n {
			if c.r != nil {
				v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			}
			if c.code(v.Index(i), depth+1); c.err != nil {
				return
			}
		}
	case reflect.Pointer:
		u := uint64(0)
		if !v.IsNil() {
			u = 1
		}
		if c.uint(&u); u == 0 || c.err != nil {
			return
		}
		if c.r != nil {
			v.Set(reflect.New(v.Type().Elem()))
		}
		c.code(v.Elem(), depth+1)
	case reflect.Map:
		c.table(v, depth)
	default:
		c.fail(fmt.Errorf("detect: a %s cannot be kept", v.Type()))
	}
}

// field is a field that may be written, exported or not.
func field(v reflect.Value, i int) reflect.Value {
	f := v.Field(i)
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
}

// table codes a map, in the order of its keys as they are written.
func (c *fieldCoder) table(v reflect.Value, depth int) {
	n, none := c.length(v)
	if none {
		return
	}
	t := v.Type()
	if c.r != nil {
		v.Set(reflect.MakeMapWithSize(t, min(n, 1024)))
		for range n {
			k, x := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			c.code(k, depth+1)
			if c.code(x, depth+1); c.err != nil {
				return
			}
			v.SetMapIndex(k, x)
		}
		return
	}
	type entry struct {
		text []byte
		x    reflect.Value
	}
	var list []entry
	for i := v.MapRange(); i.Next(); {
		var b bytes.Buffer
		kc := &fieldCoder{w: bufio.NewWriter(&b)}
		k, x := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		k.Set(i.Key())
		x.Set(i.Value())
		kc.code(k, depth+1)
		c.end(kc)
		list = append(list, entry{b.Bytes(), x})
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return string(a.text) < string(b.text)
	})
	for _, e := range list {
		c.bytes(e.text)
		c.code(e.x, depth+1)
	}
}

// end ends another coder, and takes over its error.
func (c *fieldCoder) end(o *fieldCoder) {
	if o.err == nil {
		o.err = o.w.Flush()
	}
	if o.err != nil {
		c.fail(o.err)
	}
}
