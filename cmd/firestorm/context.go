package main

import (
	"errors"
	"io"
	"os"

	"firestorm/internal/hostconf"
)

// readContext reads the files of --context; nil when none was given.
func (a *app) readContext(files []contextFile) (*hostconf.Context, error) {
	if len(files) == 0 {
		return nil, nil
	}
	c := &hostconf.Context{}
	for _, x := range files {
		text, err := readBounded(x.File, hostconf.MaxSize)
		if err != nil {
			return nil, openFailure(x.File, err)
		}
		if err := c.Add(x.Host, x.File, text); err != nil {
			var bad *hostconf.Error
			if !errors.As(err, &bad) {
				return nil, err
			}
			return nil, &failure{code: exitUsage, what: "the configuration cannot be used", why: err.Error(),
				try: "--context " + x.Host.String() + "=ipsec.conf   (or swanctl.conf, vsftpd.conf, exports)", err: err}
		}
	}
	return c, nil
}

// readBounded reads a file, one byte past the limit at most.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}
