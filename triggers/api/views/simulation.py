"""`/api/triggers/{id}/test` and `/api/triggers/simulate`: what would happen, without doing it."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from renum import clock
from renum.api.schema import answer
from renum.api.views import TenantView
from triggers import schemas, selectors
from triggers.api.serializers import SimulationSerializer, TriggerDraftSerializer
from triggers.simulation import Simulation, simulate

SIMULATION_ANSWER = answer("SimulationAnswer", simulation=SimulationSerializer())


class TriggerTestView(TenantView):
    @extend_schema(operation_id="triggers_test", request=None, responses={200: SIMULATION_ANSWER})
    def post(self, request: Request, trigger_id: UUID) -> Response:
        """For how many conversations the trigger would act now, were it switched on; it does not."""
        trigger = selectors.get_trigger(self.client.id, trigger_id)
        return _answer(simulate(self.client, trigger.parts, clock.now(), trigger=trigger))


class SimulationView(TenantView):
    @extend_schema(
        operation_id="triggers_simulate",
        request=TriggerDraftSerializer,
        responses={200: SIMULATION_ANSWER},
    )
    def post(self, request: Request) -> Response:
        """The same for a trigger that is not saved."""
        serializer = TriggerDraftSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        written = serializer.validated_data
        parts = schemas.validate_parts(
            **{name: value for name, value in written.items() if name not in ("name", "description")}
        )
        schemas.check_references(parts, self.client.id)
        return _answer(simulate(self.client, parts, clock.now()))


def _answer(simulation: Simulation) -> Response:
    return Response({"success": True, "simulation": SimulationSerializer(simulation).data})
