package doctor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Commands of SIOCETHTOOL (include/uapi/linux/ethtool.h). All of them only ask, which everybody may.
const (
	ethtoolGRingParam = 0x10
	ethtoolGStrings   = 0x1b
	ethtoolGSsetInfo  = 0x37
	ethtoolGFeatures  = 0x3a

	setFeatures = 4  // ETH_SS_FEATURES
	stringLen   = 32 // ETH_GSTRING_LEN
	// mostFeatures bounds what the kernel may tell: it has some 60.
	mostFeatures = 1024
)

// ethtool sends one command about an interface. data begins with the command and is changed by the kernel.
func ethtool(fd int, iface string, data []byte) error {
	ifr, err := unix.NewIfreq(iface)
	if err != nil {
		return ErrNoSuch
	}
	// struct ifreq: the name, then a pointer to the data.
	var req [unsafe.Sizeof(unix.Ifreq{})]byte
	copy(req[:unix.IFNAMSIZ], ifr.Name())
	p := unsafe.Pointer(unsafe.SliceData(data))
	*(*unsafe.Pointer)(unsafe.Pointer(&req[unix.IFNAMSIZ])) = p
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	runtime.KeepAlive(data)
	switch errno {
	case 0:
		return nil
	case unix.ENODEV, unix.EOPNOTSUPP:
		return fmt.Errorf("%w (%s)", ErrNoSuch, errno.Error())
	}
	return errno
}

// words makes the numbers of a command, in the machine's order.
func words(n ...uint32) []byte {
	b := make([]byte, 0, 4*len(n))
	for _, x := range n {
		b = binary.NativeEndian.AppendUint32(b, x)
	}
	return b
}

func word(b []byte, i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }

// asked runs f with a socket for commands.
func asked(f func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// features asks for all offloads of an interface by name.
func features(iface string) (out map[string]Feature, err error) {
	err = asked(func(fd int) error {
		// struct ethtool_sset_info: command, reserved, mask (64 bits), one length.
		info := append(words(ethtoolGSsetInfo, 0), make([]byte, 12)...)
		binary.NativeEndian.PutUint64(info[8:], 1<<setFeatures)
		if err := ethtool(fd, iface, info); err != nil {
			return err
		}
		n := word(info, 4)
		if n == 0 || n > mostFeatures {
			return fmt.Errorf("the kernel says that there are %d offloads", n)
		}
		// struct ethtool_gstrings: command, set, number, names.
		names := append(words(ethtoolGStrings, setFeatures, n), make([]byte, n*stringLen)...)
		if err := ethtool(fd, iface, names); err != nil {
			return err
		}
		// struct ethtool_gfeatures: command, number of blocks, and for each block of 32: available, requested, active, never changed.
		blocks := (n + 31) / 32
		f := append(words(ethtoolGFeatures, blocks), make([]byte, 16*blocks)...)
		if err := ethtool(fd, iface, f); err != nil {
			return err
		}
		out = map[string]Feature{}
		for i := range int(n) {
			name, _, _ := bytes.Cut(names[12+i*stringLen:12+(i+1)*stringLen], []byte{0})
			if len(name) == 0 {
				continue
			}
			block, bit := 2+i/32*4, uint32(1)<<(i%32)
			available, active, never := word(f, block), word(f, block+2), word(f, block+3)
			out[string(name)] = Feature{On: active&bit != 0, Fixed: available&bit == 0 || never&bit != 0}
		}
		return nil
	})
	return out, err
}

// cardRing asks for the size of the card's receive ring.
func cardRing(iface string) (now, most int, err error) {
	err = asked(func(fd int) error {
		// struct ethtool_ringparam: command, most rx, mini, jumbo, tx, then those now in the same order.
		b := words(ethtoolGRingParam, 0, 0, 0, 0, 0, 0, 0, 0)
		if err := ethtool(fd, iface, b); err != nil {
			return err
		}
		most, now = int(word(b, 1)), int(word(b, 5))
		return nil
	})
	if err == nil && most == 0 {
		err = errors.New("the card does not say")
	}
	return now, most, err
}
