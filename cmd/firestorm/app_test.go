package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"firestorm/internal/detect"
	"firestorm/internal/packet"
)

// TestMain lets the text archives of test/cli run the program itself.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"firestorm": main})
}

// repository is the top of the source tree, seen from this folder.
var repository = filepath.Join("..", "..")

// result is one run of the program.
type result struct {
	code           int
	stdout, stderr string
}

// runApp runs the program in this process, without terminal and environment.
func runApp(stdin io.Reader, args ...string) result {
	var out, errs bytes.Buffer
	a := &app{stdin: stdin, stdout: &out, stderr: &errs, getenv: func(string) string { return "" },
		isTerminal: func(any) bool { return false }}
	code := a.run(context.Background(), args)
	return result{code, out.String(), errs.String()}
}

// TestCLI runs the command line's text archives.
func TestCLI(t *testing.T) {
	top, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(repository, "test", "cli"),
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CAPTURES", filepath.Join(top, "testdata", "captures"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": scriptStatus},
	})
}

// scriptStatus is the command "status N ARGS…": runs firestorm and wants exit status N.
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: status N ARGS...")
	}
	err := ts.Exec("firestorm", args[1:]...)
	got := "0"
	if err != nil {
		got = exitText(err)
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// What is sent to everybody, or is itself an answer, is no attempt that failed.
func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		addr  string
		port  uint16
		proto uint8
		want  bool
	}{
		{"10.0.0.1", 53, packet.ProtoUDP, true}, {"255.255.255.255", 67, packet.ProtoUDP, false}, {"10.0.0.9", 68, packet.ProtoUDP, false}, {"10.0.0.9", 68, packet.ProtoTCP, true},
		{"224.0.0.251", 5353, packet.ProtoUDP, false}, {"ff02::1:2", 547, packet.ProtoUDP, false}, {"fe80::1", 546, packet.ProtoUDP, false}, {"fe80::1", 547, packet.ProtoUDP, true},
	} {
		if got := answers(detect.Service{Addr: packet.MustAddr(tc.addr), Port: tc.port, Proto: tc.proto}); got != tc.want {
			t.Errorf("%s %d %d: %v", tc.addr, tc.port, tc.proto, got)
		}
	}
}
