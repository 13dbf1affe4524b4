//go:build linux

package main

import (
	"context"
	"errors"

	"firestorm/internal/store"
)

// liveStore copies a store of findings as it is at one moment, while a watch writes to it. A database of another program,
// or a damaged one, is copied as any file.
func liveStore(ctx context.Context, from, to string) (bool, error) {
	err := store.Snapshot(ctx, from, to)
	if errors.Is(err, store.ErrForeign) || store.IsDamage(err) {
		return false, nil
	}
	return err == nil, err
}
