# The telemetry page of the embedded run, in the place of VictoriaTraces. The context is local/.
ARG SERVICE=arloji/service:local
FROM $SERVICE
COPY . /app/local
