"""The kinds of objects that stand for parts of the platform, and where the API server has them."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Object = dict[str, Any]
"""An object of Kubernetes, as JSON has it."""


@dataclass(frozen=True)
class Kind:
    """One kind of objects."""

    version: str
    """Group and version, as ``apiVersion`` has them."""
    name: str
    plural: str

    def path(self, namespace: str, name: str = "") -> str:
        """Of one object or of all; without a namespace, in the whole cluster."""
        root = "apis" if "/" in self.version else "api"
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        folder = f"/{root}/{self.version}{within}/{self.plural}"
        return f"{folder}/{quote(name, safe='')}" if name else folder

    def object(self, metadata: Object, **content: Any) -> Object:
        """An object of this kind."""
        return {
            "apiVersion": self.version,
            "kind": self.name,
            "metadata": metadata,
            **content,
        }


NAMESPACE = Kind("v1", "Namespace", "namespaces")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
SERVICE = Kind("v1", "Service", "services")
POD = Kind("v1", "Pod", "pods")
RESOURCE_QUOTA = Kind("v1", "ResourceQuota", "resourcequotas")
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
EVENT = Kind("events.k8s.io/v1", "Event", "events")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
GATEWAY = Kind("gateway.networking.k8s.io/v1", "Gateway", "gateways")
REFERENCE_GRANT = Kind("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "referencegrants")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
HTTP_ROUTE_FILTER = Kind("gateway.envoyproxy.io/v1alpha1", "HTTPRouteFilter", "httproutefilters")
SECURITY_POLICY = Kind("gateway.envoyproxy.io/v1alpha1", "SecurityPolicy", "securitypolicies")
BACKEND_TRAFFIC_POLICY = Kind(
    "gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy", "backendtrafficpolicies"
)
INFERENCE_SERVICE = Kind("serving.kserve.io/v1beta1", "InferenceService", "inferenceservices")
SCALED_OBJECT = Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects")
INTERCEPTOR_ROUTE = Kind("http.keda.sh/v1beta1", "InterceptorRoute", "interceptorroutes")
WORKFLOW = Kind("argoproj.io/v1alpha1", "Workflow", "workflows")
DECISION = Kind("sluice.release/v1", "Decision", "decisions")
SELF_REVIEW = Kind("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews")
