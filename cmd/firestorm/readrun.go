package main

import "context"

// runRead analyses the captures of o.
func (a *app) runRead(ctx context.Context, o *readOptions) error {
	return &failure{code: exitEngine, what: "this build cannot analyse captures yet", why: "the analysis engine is not part of it"}
}
