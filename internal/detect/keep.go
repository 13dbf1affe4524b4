package detect

import (
	"encoding/gob"
	"io"
	"reflect"

	"firestorm/internal/packet"
)

// SaveMemory writes what v points to for LoadMemory: a helper for Keepers.
func SaveMemory(w io.Writer, v any) error { return gob.NewEncoder(w).Encode(v) }

// LoadMemory reads what SaveMemory wrote into what v points to. Frames are those of another input: every packet.Ref in it
// comes back as one that points nowhere. What has to outlive a restart is kept as a time beside it.
func LoadMemory(r io.Reader, v any) error {
	if err := gob.NewDecoder(r).Decode(v); err != nil {
		return err
	}
	forget(reflect.ValueOf(v))
	return nil
}

var refType = reflect.TypeFor[packet.Ref]()

// forget clears every reference to a frame that v leads to. What gob made is a tree: there is no way round in it.
func forget(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			forget(v.Elem())
		}
	case reflect.Struct:
		if v.Type() == refType {
			if v.CanSet() {
				v.SetZero()
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				forget(v.Field(i))
			}
		}
	case reflect.Slice, reflect.Array:
		if k := v.Type().Elem().Kind(); k != reflect.Struct && k != reflect.Pointer && k != reflect.Slice && k != reflect.Array {
			return
		}
		for i := range v.Len() {
			forget(v.Index(i))
		}
	}
}
