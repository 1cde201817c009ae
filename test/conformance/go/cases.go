// Runs the cases of cyclonus (github.com/mattfenwick/cyclonus) against a cluster and prints a line of JSON for each. The
// cases, what they do to the cluster, and what each pod may then reach are cyclonus' own; how it is asked is not: its
// command starts a program in a pod by kubectl's way for each of 324 connections. Here each pod is asked once a step, for
// both families, by the pods' addresses and by their Services', and who answers is told by name.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mattfenwick/cyclonus/pkg/connectivity"
	"github.com/mattfenwick/cyclonus/pkg/connectivity/probe"
	"github.com/mattfenwick/cyclonus/pkg/generator"
	"github.com/mattfenwick/cyclonus/pkg/kube"
	"github.com/mattfenwick/cyclonus/pkg/matcher"
	"github.com/sirupsen/logrus"
	v1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// For a change to reach the kernels; a step that is not right then is asked again, and the tries are told.
	settle = time.Second
	tries  = 4
	// What is allowed is answered within milliseconds; TCP sends its next SYN after a second. The next try waits longer.
	patienceMs       = 1000
	podsReadySeconds = 120
	accountSeconds   = 20
)

var (
	namespaces = []string{"x", "y", "z"}
	pods       = []string{"a", "b", "c"}
	ports      = []int{80, 81}
	protocols  = []v1.Protocol{v1.ProtocolTCP, v1.ProtocolUDP}
	families   = []string{"IPv4", "IPv6"}
)

func main() {
	image := flag.String("image", "", "image of the pods: agnhost at /agnhost, connect at /connect")
	isWhole := flag.Bool("all", false, "pairs of peers too")
	only := flag.String("only", "", "cases with this in their name")
	from := flag.Int("from", 1, "the number of the first case")
	flag.Parse()
	logrus.SetLevel(logrus.WarnLevel)
	c := must(connect(*image))
	resources := must(probe.NewDefaultResources(c, namespaces, pods, ports, protocols, nil, podsReadySeconds, false, ""))
	cases := must(casesFor(c, *isWhole, *only))
	cases = cases[min(max(*from, 1)-1, len(cases)):]
	say(map[string]any{"cases": len(cases), "pods": len(resources.Pods)})
	for _, one := range cases {
		say(run(c, resources, one))
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func say(value any) {
	must(0, json.NewEncoder(os.Stdout).Encode(value))
}

// The cluster as cyclonus changes it, but for what is not its business: where pods run, and their image.
type cluster struct {
	*kube.Kubernetes
	image string
	nodes []string
}

func connect(image string) (*cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, err
	}
	// Five requests a second, the usual, are nine seconds for each case.
	config.QPS, config.Burst = 500, 1000
	clientSet, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	c := &cluster{Kubernetes: &kube.Kubernetes{ClientSet: clientSet, RestConfig: config}, image: image}
	c.nodes, err = c.workers()
	return c, err
}

// Each neighbour on another node than the last, so that half of all pairs are on one node.
func (c *cluster) CreatePod(pod *v1.Pod) (*v1.Pod, error) {
	pod.Spec.NodeName = c.nodes[(int(pod.Namespace[0])+int(pod.Name[0]))%len(c.nodes)]
	pod.Spec.Hostname = pod.Namespace + "-" + pod.Name
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].Image = c.image
	}
	for i := 0; ; i++ {
		made, err := c.Kubernetes.CreatePod(pod)
		// A new namespace has its account a moment later.
		if err == nil || !strings.Contains(err.Error(), "serviceaccount") || i == accountSeconds*10 {
			return made, err
		}
		time.Sleep(time.Second / 10)
	}
}

func (c *cluster) CreateService(service *v1.Service) (*v1.Service, error) {
	policy := v1.IPFamilyPolicyPreferDualStack
	service.Spec.IPFamilyPolicy = &policy
	return c.Kubernetes.CreateService(service)
}

// Of both families cyclonus knows one: its cases with an ipBlock are there for each.
func casesFor(c *cluster, isWhole bool, only string) ([]*generator.TestCase, error) {
	pod, err := c.GetPod("z", "c")
	if err != nil {
		return nil, err
	}
	excluded := []string{generator.TagMultiPeer}
	if isWhole {
		excluded = nil
	}
	var cases []*generator.TestCase
	for i, ip := range pod.Status.PodIPs {
		var tags []string
		if i > 0 {
			tags = []string{generator.TagIPBlockNoExcept, generator.TagIPBlockWithExcept}
		}
		for _, one := range generator.NewTestCaseGenerator(true, ip.IP, namespaces, tags, excluded).GenerateTestCases() {
			if i > 0 {
				one.Description += " (" + familyOf(ip.IP) + ")"
			}
			if strings.Contains(one.Description, only) {
				cases = append(cases, one)
			}
		}
	}
	return cases, nil
}

func familyOf(ip string) string {
	if net.ParseIP(ip).To4() != nil {
		return families[0]
	}
	return families[1]
}

// What came of a case.
type outcome struct {
	Name        string   `json:"name"`
	Tags        []string `json:"tags"`
	Steps       int      `json:"steps"`
	Connections int      `json:"connections"`
	Refused     int      `json:"refused"`
	// The most that a step took.
	Tries   int     `json:"tries"`
	Seconds float64 `json:"seconds"`
	// Of the last try of each step: `step 1, IPv4 by Service: x/a to x/b TCP 80: blocked, not allowed`.
	Differences []string `json:"differences"`
	// Of the first step with one.
	Policies []*networkingv1.NetworkPolicy `json:"policies,omitempty"`
	Error    string                        `json:"error,omitempty"`
}

func run(c *cluster, resources *probe.Resources, one *generator.TestCase) *outcome {
	start := time.Now()
	told := &outcome{Name: one.Description, Tags: one.Tags.Keys(), Steps: len(one.Steps), Differences: []string{}}
	sort.Strings(told.Tags)
	if err := runSteps(c, resources, one, told); err != nil {
		told.Error = err.Error()
	}
	told.Seconds = time.Since(start).Seconds()
	return told
}

func runSteps(c *cluster, resources *probe.Resources, one *generator.TestCase, told *outcome) error {
	state := &connectivity.TestCaseState{Kubernetes: c, Resources: resources}
	if err := state.ResetClusterState(); err != nil {
		return err
	}
	if err := state.VerifyClusterState(); err != nil {
		return err
	}
	for i, step := range one.Steps {
		for _, action := range step.Actions {
			if err := do(state, action); err != nil {
				return err
			}
		}
		var asked *answers
		for try := 1; try <= tries; try++ {
			time.Sleep(settle)
			var err error
			if asked, err = ask(c, state, step.Probe, try*patienceMs); err != nil {
				return err
			}
			told.Tries = max(told.Tries, try)
			if len(asked.differences) == 0 {
				break
			}
		}
		told.Connections += asked.count
		told.Refused += asked.refused
		for _, difference := range asked.differences {
			told.Differences = append(told.Differences, fmt.Sprintf("step %d, %s", i+1, difference))
		}
		if len(asked.differences) > 0 && told.Policies == nil {
			told.Policies = slices.Clone(state.Policies)
		}
	}
	return nil
}

func do(state *connectivity.TestCaseState, action *generator.Action) error {
	switch {
	case action.CreatePolicy != nil:
		return state.CreatePolicy(action.CreatePolicy.Policy)
	case action.UpdatePolicy != nil:
		return state.UpdatePolicy(action.UpdatePolicy.Policy)
	case action.DeletePolicy != nil:
		return state.DeletePolicy(action.DeletePolicy.Namespace, action.DeletePolicy.Name)
	case action.CreateNamespace != nil:
		return state.CreateNamespace(action.CreateNamespace.Namespace, action.CreateNamespace.Labels)
	case action.SetNamespaceLabels != nil:
		return state.SetNamespaceLabels(action.SetNamespaceLabels.Namespace, action.SetNamespaceLabels.Labels)
	case action.DeleteNamespace != nil:
		return state.DeleteNamespace(action.DeleteNamespace.Namespace)
	case action.ReadNetworkPolicies != nil:
		return state.ReadPolicies(action.ReadNetworkPolicies.Namespaces)
	case action.CreatePod != nil:
		return state.CreatePod(action.CreatePod.Namespace, action.CreatePod.Pod, action.CreatePod.Labels)
	case action.SetPodLabels != nil:
		return state.SetPodLabels(action.SetPodLabels.Namespace, action.SetPodLabels.Pod, action.SetPodLabels.Labels)
	case action.DeletePod != nil:
		return state.DeletePod(action.DeletePod.Namespace, action.DeletePod.Pod)
	}
	return fmt.Errorf("an action that is not known: %+v", action)
}

// A connection, with what cyclonus says that becomes of it.
type flow struct {
	way      string
	job      *probe.Job
	expected probe.Connectivity
}

type answers struct {
	count, refused int
	differences    []string
}

func ask(c *cluster, state *connectivity.TestCaseState, config *generator.ProbeConfig, patienceMs int) (*answers, error) {
	flows, err := flowsOf(c, state, config)
	if err != nil {
		return nil, err
	}
	bySource := map[string][]*flow{}
	for _, f := range flows {
		bySource[f.job.FromKey] = append(bySource[f.job.FromKey], f)
	}
	told := &answers{count: len(flows)}
	var all sync.WaitGroup
	var mutex sync.Mutex
	for source, own := range bySource {
		all.Add(1)
		go func() {
			defer all.Done()
			words, err := askFrom(c, own, patienceMs)
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				told.differences = append(told.differences, fmt.Sprintf("%s could not ask: %v", source, err))
				return
			}
			for i, f := range own {
				if words[i] == "!" {
					told.refused++
				}
				if difference := f.differs(words[i]); difference != "" {
					told.differences = append(told.differences, difference)
				}
			}
		}()
	}
	all.Wait()
	sort.Strings(told.differences)
	return told, nil
}

func askFrom(c *cluster, flows []*flow, patienceMs int) ([]string, error) {
	from := flows[0].job
	command := []string{"/connect", strconv.Itoa(patienceMs)}
	for _, f := range flows {
		command = append(command, strings.ToLower(string(f.job.Protocol))+":"+f.job.ToAddress())
	}
	out, said, failed, err := c.ExecuteRemoteCommand(from.FromNamespace, from.FromPod, from.FromContainer, command)
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	if words := strings.Fields(out); len(words) == len(flows) {
		return words, nil
	}
	return nil, fmt.Errorf("%d answers expected: %s %s", len(flows), out, said)
}

func (f *flow) differs(word string) string {
	what := fmt.Sprintf("%s: %s to %s %s %d", f.way, f.job.FromKey, f.job.ToKey, f.job.Protocol, f.job.ResolvedPort)
	isBlocked := word == "-" || word == "!"
	switch {
	case isBlocked && f.expected == probe.ConnectivityAllowed:
		return what + ": blocked, not allowed"
	case isBlocked:
		return ""
	case f.expected != probe.ConnectivityAllowed:
		return what + ": allowed, not blocked"
	case word != strings.ReplaceAll(f.job.ToKey, "/", "-"):
		return what + ": answered by " + word
	}
	return ""
}

func flowsOf(c *cluster, state *connectivity.TestCaseState, config *generator.ProbeConfig) ([]*flow, error) {
	views, err := viewsOf(c, state.Resources)
	if err != nil {
		return nil, err
	}
	simulated := &probe.SimulatedJobRunner{Policies: matcher.BuildNetworkPolicies(true, state.Policies)}
	builder := &probe.JobBuilder{}
	var flows []*flow
	for family, resources := range views {
		for mode, name := range map[generator.ProbeMode]string{generator.ProbeModePodIP: "pod", generator.ProbeModeServiceIP: "Service"} {
			own := *config
			own.Mode = mode
			for _, result := range simulated.RunJobs(builder.GetJobsForProbeConfig(resources, &own).Valid) {
				if result.Job.ToHost == "" {
					continue
				}
				expected := result.Combined
				// "A pod cannot block access to itself" (Kubernetes' documentation); cyclonus' model has no such sentence.
				if result.Job.FromKey == result.Job.ToKey {
					expected = probe.ConnectivityAllowed
				}
				flows = append(flows, &flow{way: family + " by " + name, job: result.Job, expected: expected})
			}
		}
	}
	return flows, nil
}

// cyclonus' pods with the addresses that they and their Services have in each family.
func viewsOf(c *cluster, resources *probe.Resources) (map[string]*probe.Resources, error) {
	addresses := map[string]map[string]string{}
	selectors := map[string]map[string]string{}
	add := func(key string, ips []string) {
		addresses[key] = map[string]string{}
		for _, ip := range ips {
			addresses[key][familyOf(ip)] = ip
		}
	}
	for namespace := range resources.Namespaces {
		list, err := c.GetPodsInNamespace(namespace)
		if err != nil {
			return nil, err
		}
		for _, pod := range list {
			var ips []string
			for _, ip := range pod.Status.PodIPs {
				ips = append(ips, ip.IP)
			}
			add("pod "+namespace+"/"+pod.Name, ips)
		}
		services, err := c.GetServicesInNamespace(namespace)
		if err != nil {
			return nil, err
		}
		for _, service := range services {
			add("service "+namespace+"/"+service.Name, service.Spec.ClusterIPs)
			selectors[namespace+"/"+service.Name] = service.Spec.Selector
		}
	}
	views := map[string]*probe.Resources{}
	for _, family := range families {
		view := &probe.Resources{Namespaces: resources.Namespaces}
		for _, pod := range resources.Pods {
			copied := *pod
			copied.IP = addresses["pod "+pod.Namespace+"/"+pod.Name][family]
			copied.ServiceIP = addresses["service "+pod.Namespace+"/"+pod.ServiceName()][family]
			for label, value := range selectors[pod.Namespace+"/"+pod.ServiceName()] {
				// A case has changed the pod's labels: its Service has no pod then.
				if pod.Labels[label] != value {
					copied.ServiceIP = ""
				}
			}
			if copied.IP != "" {
				view.Pods = append(view.Pods, &copied)
			}
		}
		if len(view.Pods) > 0 {
			if len(view.Pods) != len(resources.Pods) {
				return nil, fmt.Errorf("%d pods of %d have an %s address", len(view.Pods), len(resources.Pods), family)
			}
			views[family] = view
		}
	}
	return views, nil
}

// Control planes run no ordinary pods.
func (c *cluster) workers() ([]string, error) {
	list, err := c.ClientSet.CoreV1().Nodes().List(context.TODO(), metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, node := range list.Items {
		if len(node.Spec.Taints) == 0 {
			names = append(names, node.Name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the cluster has no worker")
	}
	sort.Strings(names)
	return names, nil
}
