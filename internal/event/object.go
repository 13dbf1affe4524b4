package event

import "strconv"

// Object writes the members of a JSON object, or the items of a list, behind what Dst holds: who begins with "{" or "[" writes that
// first. Keys are the program's own words but for KeyText.
type Object struct{ Dst []byte }

// Key begins a member.
func (o *Object) Key(k string) {
	o.comma()
	o.Dst = append(append(append(o.Dst, '"'), k...), '"', ':')
}

// KeyText begins a member whose name came from a packet.
func (o *Object) KeyText(k string) {
	o.comma()
	o.Dst = append(AppendJSONString(o.Dst, k), ':')
}

func (o *Object) comma() {
	if n := len(o.Dst); n > 0 && o.Dst[n-1] != '{' && o.Dst[n-1] != '[' {
		o.Dst = append(o.Dst, ',')
	}
}

// Text adds a text.
func (o *Object) Text(k, v string) {
	o.Key(k)
	o.Dst = AppendJSONString(o.Dst, v)
}

// Some adds a text unless it is empty.
func (o *Object) Some(k, v string) {
	if v != "" {
		o.Text(k, v)
	}
}

// Number adds a number.
func (o *Object) Number(k string, n uint64) {
	o.Key(k)
	o.Dst = strconv.AppendUint(o.Dst, n, 10)
}

// Bool adds true or false.
func (o *Object) Bool(k string, v bool) {
	o.Key(k)
	o.Dst = strconv.AppendBool(o.Dst, v)
}

// Open begins a member that is an object or a list: c is '{' or '['.
func (o *Object) Open(k string, c byte) {
	o.Key(k)
	o.Dst = append(o.Dst, c)
}

// Item begins an item of a list; c is '{', '[' or 0 for what is written next.
func (o *Object) Item(c byte) {
	o.comma()
	if c != 0 {
		o.Dst = append(o.Dst, c)
	}
}

// Close ends an object or a list: c is '}' or ']'.
func (o *Object) Close(c byte) { o.Dst = append(o.Dst, c) }

// Texts adds a list of texts unless it is empty.
func (o *Object) Texts(k string, list []string) {
	if len(list) == 0 {
		return
	}
	o.Open(k, '[')
	for _, v := range list {
		o.Item(0)
		o.Dst = AppendJSONString(o.Dst, v)
	}
	o.Close(']')
}
