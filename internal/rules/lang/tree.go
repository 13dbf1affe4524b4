package lang

// kind is what a node of a settings file is.
type kind uint8

const (
	null kind = iota
	scalar
	mapping
	list
)

// node is a value of a settings file, whatever the form of that was.
type node struct {
	kind   kind
	file   string // of the included file it stands in; empty: the one that is read
	line   int
	text   string           // of a scalar, as written but for quotes
	tag    string           // "!include"; empty as usual
	keys   []string         // of a mapping, in order
	value  map[string]*node // of a mapping
	items  []*node          // of a list
	read   bool             // somebody asked for it
	whole  bool             // what is below it needs no asking
	blamed bool             // said already that names with values should stand here
}

// set gives a key its value; a second value takes the place of the first.
func (n *node) set(key string, v *node) {
	if n.value == nil {
		n.value = map[string]*node{}
	}
	if _, had := n.value[key]; !had {
		n.keys = append(n.keys, key)
	}
	n.value[key] = v
}

// from notes for n and all below it which file they stand in.
func (n *node) from(file string) {
	if n.file != "" {
		return
	}
	n.file = file
	for _, v := range n.value {
		v.from(file)
	}
	for _, v := range n.items {
		v.from(file)
	}
}

// Bounds of a settings file: that which is shipped has 100 KB and is 8 deep. The YAML parser's time grows with the square
// of the length, and it recurses.
const (
	maxSettings = 256 << 10
	maxNesting  = 100
)
