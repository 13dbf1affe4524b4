// Package header holds one file per header format: views over the bytes of a frame, and builders.
//
// A view is a named byte slice. Its Parse function checks the length once and returns the header and nothing
// else; after that every accessor of a fixed field is safe. Views borrow the bytes they look at. Builders append
// to a slice and return it. Nothing here keeps state or reads a clock.
package header
