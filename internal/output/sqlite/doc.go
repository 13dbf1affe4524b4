// Package sqlite is the output that keeps findings in the store. It is built for Linux alone, as the store is.
package sqlite
