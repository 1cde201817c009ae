// runc for a host that lacks a capability itself (a container or a virtual machine without CAP_SYS_RESOURCE): `docker run
// --privileged` asks for every one that the kernel knows, and runc then fails. What the host does not have is taken out
// of the specification, and the real runc goes on with it.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// In the order of linux/capability.h.
var names = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
	SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
	SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

func main() {
	if path := specification(os.Args[1:]); path != "" {
		if err := reduce(path, absent()); err != nil {
			fmt.Fprintf(os.Stderr, "runc without the host's missing capabilities: %v\n", err)
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, syscall.Exec(runc, append([]string{"runc"}, os.Args[1:]...), os.Environ()))
	os.Exit(1)
}

// The file that says what the new process may do: of a container its bundle's, of an exec one of its own.
func specification(args []string) string {
	for i, arg := range args {
		name, value, hasValue := strings.Cut(arg, "=")
		if !hasValue && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "--bundle", "-b":
			return value + "/config.json"
		case "--process", "-p":
			return value
		}
	}
	return ""
}

func absent() map[string]bool {
	missing := map[string]bool{}
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		var bounding uint64
		if n, _ := fmt.Sscanf(line, "CapBnd: %x", &bounding); n != 1 {
			continue
		}
		for bit, name := range names {
			if bounding>>bit&1 == 0 {
				missing["CAP_"+name] = true
			}
		}
	}
	return missing
}

func reduce(path string, missing map[string]bool) error {
	text, err := os.ReadFile(path)
	if err != nil || len(missing) == 0 {
		return err
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber() // masks of system calls do not survive as floats
	var spec map[string]any
	if err := decoder.Decode(&spec); err != nil {
		return err
	}
	process, ok := spec["process"].(map[string]any)
	if !ok {
		process = spec
	}
	sets, _ := process["capabilities"].(map[string]any)
	for set, value := range sets {
		list, _ := value.([]any)
		kept := []any{}
		for _, name := range list {
			if text, _ := name.(string); !missing[text] {
				kept = append(kept, name)
			}
		}
		sets[set] = kept
	}
	reduced, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(path, reduced, 0o600)
}
