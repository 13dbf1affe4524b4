package lang

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// parseJSON turns a text into nodes.
func parseJSON(text string) (*node, error) {
	j := jsonReader{Decoder: json.NewDecoder(strings.NewReader(text)), text: text, line: 1}
	j.UseNumber()
	root, err := j.node(0)
	if err == nil {
		if _, more := j.Token(); more != io.EOF {
			err = errors.New("text after the end of the JSON")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("line %d: the JSON cannot be read: %w", j.line, err)
	}
	return root, nil
}

type jsonReader struct {
	*json.Decoder
	text string
	at   int // where line was counted
	line int
}

func (j *jsonReader) node(depth int) (*node, error) {
	if depth > maxNesting {
		return nil, errNested
	}
	t, err := j.Token()
	to := min(int(j.InputOffset()), len(j.text))
	j.line += strings.Count(j.text[j.at:to], "\n")
	j.at = to
	if err != nil {
		return nil, err
	}
	out := &node{line: j.line}
	switch t := t.(type) {
	case json.Delim:
		return out, j.fill(out, t, depth)
	case string:
		out.kind, out.text = scalar, t
	case json.Number:
		out.kind, out.text = scalar, t.String()
	case bool:
		out.kind, out.text = scalar, fmt.Sprint(t)
	}
	return out, nil
}

func (j *jsonReader) fill(out *node, open json.Delim, depth int) error {
	out.kind = mapping
	if open == '[' {
		out.kind = list
	}
	for j.More() {
		if open == '[' {
			item, err := j.node(depth + 1)
			if err != nil {
				return err
			}
			out.items = append(out.items, item)
			continue
		}
		key, err := j.Token()
		if err != nil {
			return err
		}
		v, err := j.node(depth + 1)
		if err != nil {
			return err
		}
		out.set(key.(string), v)
	}
	_, err := j.Token()
	return err
}
