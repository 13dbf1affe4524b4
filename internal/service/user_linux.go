package service

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// User is whom a worker runs as.
type User struct {
	Name     string
	UID, GID uint32
	Groups   []uint32
	Change   bool // it is another one than that of this process
}

// ServiceUser is whom a worker of root runs as, where there is such a user.
const ServiceUser = "firestorm"

// Files are what a worker has to reach.
type Files struct {
	Read  []string // files and folders; what is not there is not asked for
	Write []string // folders
}

// ChooseUser says whom the worker of this process runs as. Who is not root stays who he is. For root it is name where one
// is given; else the first of the service's user, who called sudo, and nobody, that can reach the files; else root itself,
// whose worker has no capabilities: why says then who could not reach what.
func ChooseUser(name, sudo string, f Files) (u User, why string, err error) {
	if os.Geteuid() != 0 {
		if name != "" {
			if u, err := lookUp(name); err != nil || int(u.UID) != os.Geteuid() {
				return User{}, "", fmt.Errorf("only root can run the worker as %s", name)
			}
		}
		return User{Name: "uid " + strconv.Itoa(os.Geteuid()), UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}, "", nil
	}
	if name != "" {
		u, err := lookUp(name)
		if err != nil {
			return User{}, "", err
		}
		if out := u.lacks(f); out != "" {
			return User{}, "", fmt.Errorf("%s cannot reach %s", u.Name, out)
		}
		return u, "", nil
	}
	for _, n := range []string{ServiceUser, sudo, "nobody"} {
		if n == "" {
			continue
		}
		u, err := lookUp(n)
		if err != nil || u.UID == 0 {
			continue
		}
		out := u.lacks(f)
		if out == "" {
			return u, "", nil
		}
		if why == "" {
			why = u.Name + " cannot reach " + out
		}
	}
	u, err = lookUp("0")
	return u, why, err
}

// lookUp finds a user by name or number.
func lookUp(name string) (User, error) {
	x, err := user.Lookup(name)
	if err != nil {
		if x, err = user.LookupId(name); err != nil {
			if name == "0" {
				return User{Name: "root", Change: true}, nil // a system without a list of users
			}
			return User{}, fmt.Errorf("there is no user %s", name)
		}
	}
	uid, err1 := strconv.ParseUint(x.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(x.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		return User{}, fmt.Errorf("the user %s has no numbers", name)
	}
	u := User{Name: x.Username, UID: uint32(uid), GID: uint32(gid), Change: true}
	ids, _ := x.GroupIds() // without a list, none
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil && uid != 0 {
			u.Groups = append(u.Groups, uint32(n))
		}
	}
	return u, nil
}

// lacks names the first of the files that the user cannot reach; empty: he can reach all.
func (u *User) lacks(f Files) string {
	c := make(chan string)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread, which becomes that user, ends with this goroutine
		c <- u.lacksHere(f)
	}()
	return <-c
}

func (u *User) lacksHere(f Files) string {
	if err := u.become(); err != nil {
		return "anything: " + err.Error()
	}
	try := func(name string, mode uint32) error {
		return unix.Faccessat(unix.AT_FDCWD, name, mode, unix.AT_EACCESS)
	}
	for _, name := range f.Write {
		mode := uint32(unix.W_OK | unix.X_OK | unix.R_OK)
		at := name
		for try(at, unix.F_OK) == unix.ENOENT && at != "/" { // it will be made, and be his
			at, mode = filepath.Dir(at), unix.X_OK
		}
		if err := try(at, mode); err != nil {
			return name + " (to write there)"
		}
	}
	for _, name := range f.Read {
		mode := uint32(unix.R_OK)
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			mode |= unix.X_OK
		}
		if err := try(name, mode); err != nil && err != unix.ENOENT {
			return name + " (to read it)"
		}
	}
	return ""
}

// become makes this thread, not the process, look at files as the user would.
func (u *User) become() error {
	groups := append([]uint32{}, u.Groups...)
	var first *uint32
	if len(groups) > 0 {
		first = &groups[0]
	}
	if err := setGroups(len(groups), first); err != nil {
		return err
	}
	_ = unix.Setfsgid(int(u.GID))
	_ = unix.Setfsuid(int(u.UID))
	if now, _ := unix.SetfsuidRetUid(-1); u.UID != 0 && now != int(u.UID) {
		return fmt.Errorf("cannot look as %s", u.Name)
	}
	if u.UID == 0 { // its worker will be without capabilities
		h, d, err := rights()
		if err != nil {
			return err
		}
		d[0].Effective, d[1].Effective = 0, 0
		return unix.Capset(&h, &d[0])
	}
	return nil
}

// Prepare makes the folders to write in that are not there, and gives them to the user. Those that are there stay as they are. A
// disk that takes none, read-only or full, is no reason not to watch: who is to write there says what is not kept.
func (u *User) Prepare(f Files) error {
	for _, name := range f.Write {
		if _, err := os.Stat(name); err == nil || !os.IsNotExist(err) {
			continue
		}
		if err := os.MkdirAll(name, 0o750); TakesNone(err) {
			continue
		} else if err != nil {
			return err
		}
		if u.Change {
			if err := os.Lchown(name, int(u.UID), int(u.GID)); err != nil {
				return err
			}
		}
	}
	return nil
}

// TakesNone reports an error of a disk that takes nothing: it is read-only or full.
func TakesNone(err error) bool { return errors.Is(err, unix.EROFS) || errors.Is(err, unix.ENOSPC) }

// Folders makes names absolute and leaves out those that are empty, or there already.
func Folders(names ...string) (out []string) {
	seen := map[string]bool{}
	for _, n := range names {
		if n == "" || strings.Contains(n, "\x00") {
			continue
		}
		if a, err := filepath.Abs(n); err == nil {
			n = a
		}
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}
